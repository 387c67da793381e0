#include "database.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <thread>

namespace shop {
namespace {

constexpr int kBusyMs = 5000;

class SqlError : public std::runtime_error {
  public:
    SqlError(sqlite3* handle, const std::string& what)
        : std::runtime_error(what + ": " + sqlite3_errmsg(handle)), code_(sqlite3_errcode(handle)) {}
    bool is_busy() const { return code_ == SQLITE_BUSY || code_ == SQLITE_LOCKED; }

  private:
    int code_;
};

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

void bind(sqlite3_stmt* statement, int index, const Json& value) {
    if (value.is_number_integer()) {
        sqlite3_bind_int64(statement, index, value.get<sqlite3_int64>());
    } else {
        const auto& text = value.get_ref<const std::string&>();
        sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    }
}

Json row_of(sqlite3_stmt* statement) {
    Json row = Json::object();
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
        Json& cell = row[sqlite3_column_name(statement, column)];
        if (sqlite3_column_type(statement, column) == SQLITE_INTEGER) {
            cell = sqlite3_column_int64(statement, column);
        } else if (const unsigned char* text = sqlite3_column_text(statement, column)) {
            cell = reinterpret_cast<const char*>(text);
        }
    }
    return row;
}

}  // namespace

Database::Database(const std::string& name, const std::string& schema) {
    const char* given = std::getenv("DATABASE");
    const std::filesystem::path path = given != nullptr && *given != '\0' ? given : "data/" + name + ".db";
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) {
        throw std::runtime_error("cannot open " + path.string() + ": " + sqlite3_errmsg(handle_));
    }
    sqlite3_busy_timeout(handle_, kBusyMs);
    prepare(schema);
}

Database::~Database() { sqlite3_close(handle_); }

void Database::prepare(const std::string& schema) {
    // Two replicas that start together both switch a new file to WAL, and SQLite answers "locked"
    // to one of them without waiting: so this waits.
    for (int attempt = 1;; ++attempt) {
        try {
            execute("PRAGMA journal_mode=WAL");
            execute("PRAGMA synchronous=NORMAL");
            Transaction transaction(*this);
            execute(schema.c_str());
            transaction.commit();
            return;
        } catch (const SqlError& error) {
            if (!error.is_busy() || attempt == 50) throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
}

void Database::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw SqlError(handle_, sql);
}

std::vector<Json> Database::query(const std::string& sql, const std::vector<Json>& values) {
    const std::lock_guard lock(mutex_);
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) throw SqlError(handle_, sql);
    const Statement statement(raw, &sqlite3_finalize);
    for (size_t i = 0; i < values.size(); ++i) bind(raw, static_cast<int>(i) + 1, values[i]);
    std::vector<Json> rows;
    int result = SQLITE_ROW;
    while ((result = sqlite3_step(raw)) == SQLITE_ROW) rows.push_back(row_of(raw));
    if (result != SQLITE_DONE) throw SqlError(handle_, sql);
    return rows;
}

int Database::change(const std::string& sql, const std::vector<Json>& values) {
    const std::lock_guard lock(mutex_);
    query(sql, values);
    return sqlite3_changes(handle_);
}

Transaction::Transaction(Database& database) : database_(database), lock_(database.mutex_) {
    database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    if (!committed_) sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    database_.execute("COMMIT");
    committed_ = true;
}

}  // namespace shop
