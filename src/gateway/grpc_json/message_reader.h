// Behind schema.h: JSON and texts of a request become the fields of a message (protobuf.dev, "ProtoJSON Format"),
// strictly: a name that no field has, a value of another kind, two members of one oneof are mistakes, told with their
// place. Well-known types (Timestamp, Struct, Any ...) are libprotobuf's business. Lives for one request.
#pragma once

#include <google/protobuf/message.h>

#include "gateway/grpc_json/schema.h"

namespace tl::gateway {

class MessageReader {
  public:
    explicit MessageReader(bool ignore_unknown) : ignore_unknown_(ignore_unknown) {}

    // The members of a JSON object. `at`: the message's own place, "" for the outermost.
    void read(const Document& from, google::protobuf::Message& to, const std::string& at);
    // One field of it, by its name.
    void read_member(const std::string& name, const Document& from, google::protobuf::Message& to,
                     const std::string& at);
    // The field at that path becomes what the text says; of a list, one more item.
    void read_text(const std::string& path, const std::string& text, google::protobuf::Message& to);

    // As if nobody had said anything of the field at that path.
    void clear(const std::string& path, google::protobuf::Message& in);

    [[nodiscard]] std::vector<std::string>& wrong() { return wrong_; }
    void complain(std::string what);

  private:
    using Field = google::protobuf::FieldDescriptor;
    using Message = google::protobuf::Message;

    // The fields on the way to that one; none, and a complaint: it is none.
    [[nodiscard]] std::vector<const Field*> find_path(const std::string& path, const google::protobuf::Descriptor& in);
    void read_field(const Field& field, const Document& from, Message& to, const std::string& at);
    void read_list(const Field& field, const Document& from, Message& to, const std::string& at);
    void read_map(const Field& field, const Document& from, Message& to, const std::string& at);
    void read_known(const Document& from, Message& to, const std::string& at);
    // One value: of a singular field, or one more of a list.
    void read_value(const Field& field, const Document& from, Message& to, const std::string& at);
    template <class Number>
    void put_number(const Field& field, const Document& from, Message& to, const std::string& at);
    void put_text(const Field& field, const Document& from, Message& to, const std::string& at);
    void put_bytes(const Field& field, const Document& from, Message& to, const std::string& at);
    void put_bool(const Field& field, const Document& from, Message& to, const std::string& at);
    void put_enum(const Field& field, const Document& from, Message& to, const std::string& at);

    bool ignore_unknown_;
    bool texts_ = false;  // values are texts of a path or query: "true" is a bool
    std::vector<std::string> wrong_;
};

}  // namespace tl::gateway
