#include "storage/whole_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace tl::storage {
namespace {

struct Folder {
    Folder() {
        char name[] = "/tmp/trunkline-storage-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

TEST(WholeFile, is_read_as_it_was_written_and_seen_to_have_changed) {
    const Folder folder;
    const std::string path = folder.path + "/keys";
    const std::string before = stamp_of(path);
    ASSERT_TRUE(replace_file(path, "one", 0600));
    EXPECT_NE(stamp_of(path), before);
    ASSERT_TRUE(replace_file(path, "two", 0600));
    EXPECT_EQ(*read_file(path, 100), "two");
    struct stat is{};
    ASSERT_EQ(::stat(path.c_str(), &is), 0);
    EXPECT_EQ(is.st_mode & 0777U, 0600U);
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(WholeFile, says_what_it_cannot_do) {
    const Folder folder;
    EXPECT_EQ(read_file(folder.path + "/none", 10).error().code, base::Code::not_found);
    ASSERT_TRUE(replace_file(folder.path + "/long", "0123456789x", 0600));
    EXPECT_EQ(read_file(folder.path + "/long", 10).error().code, base::Code::too_large);
    EXPECT_FALSE(replace_file(folder.path + "/no/such/folder", "x", 0600));
}

TEST(WholeFile, a_full_disk_leaves_what_was_there) {
    const Folder folder;
    const std::string path = folder.path + "/keys";
    ASSERT_TRUE(replace_file(path, "old", 0600));
    // Every write to it fails with ENOSPC; a name that stands in the way is not written through.
    ASSERT_EQ(::symlink("/dev/full", (path + ".new").c_str()), 0);
    ASSERT_TRUE(replace_file(path, "new", 0600));
    EXPECT_EQ(*read_file(path, 100), "new");
}

}  // namespace
}  // namespace tl::storage
