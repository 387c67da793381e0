#include "app/access_writer.h"

#include <algorithm>

#include "supervisor/environment.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kEvery = 100ms;
constexpr base::Duration kSoon = 5ms;  // when the rings fill faster than that
constexpr size_t kBatch = 4096;

telemetry::AccessFormat format_of(const TelemetryConfig& config, bool terminal, bool colour) {
    const bool readable = config.access_log == AccessLog::readable ||
                          (config.access_log == AccessLog::automatic && terminal && config.access_file.empty());
    if (!readable) return telemetry::AccessFormat::json;
    return colour && config.access_file.empty() ? telemetry::AccessFormat::coloured : telemetry::AccessFormat::readable;
}

}  // namespace

base::Result<std::unique_ptr<AccessWriter>> AccessWriter::open(const TelemetryConfig& config, const std::string& folder,
                                                               bool terminal, bool colour,
                                                               const telemetry::RecordWords& words) {
    if (config.access_log == AccessLog::none) return nullptr;
    telemetry::AccessLogConfig log;
    log.format = format_of(config, terminal, colour);
    if (!config.access_file.empty()) log.path = supervisor::from_folder(folder, config.access_file);
    auto opened = telemetry::AccessLog::open(std::move(log), words);
    if (!opened) return base::fail(std::move(opened.error()));
    return std::make_unique<AccessWriter>(std::move(*opened), config.records);
}

rt::Task<void> AccessWriter::run(DataPlane& plane, rt::Cancel& cancel) {
    while (!cancel.requested()) {
        const size_t most = co_await drain(plane);
        const bool busy = most > ring_ / 16;
        co_await rt::sleep(busy ? kSoon : kEvery, &cancel);
    }
}

rt::Task<size_t> AccessWriter::drain(DataPlane& plane) {
    size_t most = 0;
    next_.resize(plane.cores());
    for (size_t core = 0; core < plane.cores(); ++core) {
        proxy::Engine* engine = &plane.engine(core);
        const uint64_t from = next_[core];
        const auto batch = co_await rt::run_on(
            plane.loop(core), [engine, from] { return engine->records().since(from, kBatch); },
            rt::this_loop().within(1s));
        if (!batch) continue;
        next_[core] = batch->next;
        lost_ += batch->lost;
        log_->write(batch->records);
        most = std::max(most, batch->records.size());
    }
    log_->flush();
    co_return most;
}

}  // namespace tl::app
