// The commands' side of the admin API: one request to the Trunkline that runs for a project, on the loop of the
// command. Turns what went wrong into a sentence and an exit code. One command owns it.
#pragma once

#include <expected>
#include <string>

#include "app/cli/project.h"
#include "console/admin_server.h"
#include "http/fetch.h"

namespace tl::app {

// Why a command ends without success.
struct Failure {
    int exit_code = 1;
    std::string sentence;     // for people
    std::string diagnostics;  // of a refused manifest: a line each; may be empty
    console::Json problem;    // as the admin API said it, or made here; for --json
};
template <class T>
using Answer = std::expected<T, Failure>;

class Client {
  public:
    explicit Client(Project project) : project_(std::move(project)) {}

    // The body of a 200. `accept` "" for JSON.
    [[nodiscard]] rt::Task<Answer<std::string>> get(std::string target, std::string accept = {});
    [[nodiscard]] rt::Task<Answer<std::string>> post(std::string target, std::string body = {});

    // Line by line; empty lines are left out.
    class LineSink {
      public:
        virtual ~LineSink() = default;
        virtual void on_line(std::string_view line) = 0;
    };
    // Until the other end has no more (true) or `cancel` is requested (false).
    [[nodiscard]] rt::Task<Answer<bool>> stream(std::string method, std::string target, std::string body,
                                                LineSink& sink, rt::Cancel* cancel);

    [[nodiscard]] const Project& project() const { return project_; }

  private:
    [[nodiscard]] Answer<http::FetchRequest> request_for(std::string method, std::string target);
    [[nodiscard]] Failure failure_of(const base::Error& error) const;

    Project project_;
    console::AdminSocket socket_;
    bool located_ = false;
};

// The failure that an answer other than 200 stands for.
[[nodiscard]] Failure failure_of_answer(uint16_t status, const std::string& body);

}  // namespace tl::app
