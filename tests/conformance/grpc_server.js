// test.Echo of grpc_echo.proto with @grpc/grpc-js, on $PORT; see grpc_service.py for what each method does.
"use strict";
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { test } = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, "grpc_echo.proto")));
const said = (call, key, otherwise) => call.metadata.get(key)[0] ?? otherwise;

const methods = {
  Unary(call, done) {
    const trailers = new grpc.Metadata();
    trailers.set("x-out", "seen");
    done(null, call.request, trailers);
  },
  Upload(call, done) {
    let last = { text: "" };
    let count = 0;
    call.on("data", (message) => { last = message; ++count; });
    call.on("end", () => {
      const trailers = new grpc.Metadata();
      trailers.set("x-count", String(count));
      done(null, last, trailers);
    });
  },
  Down(call) {
    for (let i = 0; i < Number(said(call, "x-count", "1")); ++i) call.write(call.request);
    call.end();
  },
  Chat(call) {
    call.on("data", (message) => call.write(message));
    call.on("end", () => call.end());
  },
  Fail(call) {
    call.emit("error", { code: grpc.status[said(call, "x-status").toUpperCase()], details: "as was asked for" });
  },
  Hang(call) {
    call.write(call.request);
  },
};

const server = new grpc.Server({ "grpc.max_receive_message_length": 64 << 20, "grpc.max_send_message_length": 64 << 20 });
server.addService(test.Echo.service, methods);
server.bindAsync(`127.0.0.1:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
