// A service that breaks gRPC's rules in the way that shop.Orders/Fail is asked for (Script.message, field 2), on $PORT.
"use strict";
const http2 = require("node:http2");

const frame = (data, flag = 0, length = data.length) => {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, data]);
};
const order = (id) => Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]);
const ends = (stream, data, trailers = { "grpc-status": "0" }, type = "application/grpc") => {
  stream.respond({ ":status": 200, "content-type": type }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(data);
};

const ways = {
  whole: (stream) => ends(stream, frame(order("whole"))),
  cut: (stream) => {  // one byte at a time
    const bytes = frame(order("cut"));
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    let at = 0;
    const next = () => (at === bytes.length ? stream.end() : stream.write(bytes.subarray(at, ++at), () => setTimeout(next, 2)));
    next();
  },
  trailers_only: (stream) => stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "5",
                                              "grpc-message": "gone%20%C3%A4%" }, { endStream: true }),
  compressed: (stream) => ends(stream, frame(order("x"), 1)),
  flag: (stream) => ends(stream, frame(order("x"), 7)),
  huge: (stream) => ends(stream, frame(order("x"), 0, 0xffffffff)),
  short: (stream) => ends(stream, frame(order("x"), 0, 100)),
  two: (stream) => ends(stream, Buffer.concat([frame(order("a")), frame(order("b"))])),
  none: (stream) => ends(stream, Buffer.alloc(0)),
  nonsense: (stream) => ends(stream, frame(Buffer.from([0xff, 0xff, 0xff]))),
  utf8: (stream) => ends(stream, frame(Buffer.from([0x0a, 2, 0xc3, 0x28]))),
  statusless: (stream) => ends(stream, frame(order("x")), {}),
  strange: (stream) => ends(stream, frame(order("x")), { "grpc-status": "99" }),
  html: (stream) => ends(stream, Buffer.from("<html>"), {}, "text/html"),
  http503: (stream) => { stream.respond({ ":status": 503, "content-type": "text/plain" }); stream.end("down"); },
  late: (stream) => { stream.respond({ ":status": 200, "content-type": "application/grpc" }); stream.write(frame(order("x"))); },
  dies: (stream) => { stream.respond({ ":status": 200, "content-type": "application/grpc" });
                      stream.write(frame(order("0")), () => setTimeout(() => process.exit(1), 100)); },
  resets: (stream) => { stream.respond({ ":status": 200, "content-type": "application/grpc" });
                        stream.write(frame(order("0")), () => setTimeout(() => stream.session.destroy(), 50)); },
  after: (stream) => ends(stream, Buffer.concat([frame(order("0")), frame(order("x"), 1)])),
};

const server = http2.createServer();
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const got = [];
  stream.on("data", (data) => got.push(data));
  stream.on("end", () => {
    const body = Buffer.concat(got);
    const way = body.length > 7 ? body.subarray(7, 7 + body[6]).toString() : "";
    (ways[way] ?? ((one) => one.respond({ ":status": 200 }, { endStream: true })))(stream, headers);
  });
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
