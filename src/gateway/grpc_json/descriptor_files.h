// Behind schema.h: the files of a descriptor set, each behind all that it imports.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <expected>
#include <map>
#include <string>
#include <vector>

namespace tl::gateway {

using DescriptorFiles = std::map<std::string, google::protobuf::FileDescriptorProto>;

// All of them in `pool`, or what is wrong. Imports that a file needs and does not name are found where its types are:
// servers in JavaScript describe themselves so.
[[nodiscard]] std::expected<std::vector<const google::protobuf::FileDescriptor*>, std::string> build_files(
    google::protobuf::DescriptorPool& pool, DescriptorFiles files);

}  // namespace tl::gateway
