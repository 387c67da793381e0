// One service's SQLite file: statements with bound values in, rows as JSON objects out.
//
// WAL lets the replicas of a service read while one writes; a writer waits up to five seconds for
// another. One connection a process behind a mutex: the shop's statements take microseconds. With
// synchronous=NORMAL a commit survives kill -9; the last ones before a power cut may be lost.
#pragma once

#include <sqlite3.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace shop {

using Json = nlohmann::json;

class Database {
  public:
    // Opens $DATABASE (data/<name>.db when not set) and its folder, and runs the schema, which must
    // be repeatable. Throws when the file cannot be used.
    Database(const std::string& name, const std::string& schema);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // The rows of one statement; `values` (texts and whole numbers) are bound in order.
    std::vector<Json> query(const std::string& sql, const std::vector<Json>& values = {});
    // How many rows the statement changed.
    int change(const std::string& sql, const std::vector<Json>& values = {});
    void check() { query("SELECT 1"); }

  private:
    friend class Transaction;
    void execute(const char* sql);
    void prepare(const std::string& schema);

    sqlite3* handle_ = nullptr;
    std::recursive_mutex mutex_;
};

// All or nothing: rolled back unless commit() was called. Takes the write lock at once, so that
// what is read inside stays true until the end. Holds the connection; keep it short.
class Transaction {
  public:
    explicit Transaction(Database& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

  private:
    Database& database_;
    std::unique_lock<std::recursive_mutex> lock_;
    bool committed_ = false;
};

}  // namespace shop
