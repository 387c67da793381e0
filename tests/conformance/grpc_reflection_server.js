// shop.Orders (Get, Echo, Watch) of protos/shop.proto with @grpc/grpc-js, described by @grpc/reflection, on $PORT.
"use strict";
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { ReflectionService } = require("@grpc/reflection");

const definition = loader.loadSync("shop.proto", { includeDirs: [path.join(__dirname, "protos")], keepCase: true, longs: String });
const { shop } = grpc.loadPackageDefinition(definition);

const methods = {
  Get: (call, done) => done(null, { method: "Get", request: JSON.stringify(call.request) }),
  Echo: (call, done) => done(null, call.request),
  Fail: (call, done) => done({ code: call.request.code, details: call.request.message }),
  Watch(call) {
    for (let i = 0; i < call.request.count; ++i) call.write({ id: String(i) });
    if (call.request.code) call.emit("error", { code: call.request.code, details: "ended" });
    else call.end();
  },
};

const server = new grpc.Server();
server.addService(shop.Orders.service, methods);
new ReflectionService(definition).addToServer(server);
server.bindAsync(`127.0.0.1:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
