// grpc_client.js PORT SCENARIO: one scenario of test_grpc_node.py with @grpc/grpc-js; prints JSON.
"use strict";
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [port, scenario] = process.argv.slice(2);
const { test } = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, "grpc_echo.proto")));
const client = new test.Echo(`127.0.0.1:${port}`, grpc.credentials.createInsecure(),
  { "grpc.max_receive_message_length": 64 << 20, "grpc.max_send_message_length": 64 << 20 });

function metadata(fields) {
  const all = new grpc.Metadata();
  for (const [key, value] of Object.entries(fields)) all.set(key, value);
  return all;
}

function unary(text, fields = {}, options = {}) {
  return new Promise((resolve) => {
    let trailers = {};
    const call = client.Unary({ text }, metadata(fields), options, (error, answer) => {
      setImmediate(() => resolve({ code: error?.code ?? 0, details: error?.details, text: answer?.text, trailers,
        cause: error?.metadata?.get("x-trunkline-cause")[0] }));
    });
    call.on("status", (status) => { trailers = status.metadata.getMap(); });
  });
}

// All messages of a stream, and how it ended.
function collect(stream) {
  return new Promise((resolve) => {
    const texts = [];
    stream.on("data", (message) => texts.push(message.text));
    stream.on("error", () => {});
    stream.on("status", (status) => setImmediate(() => resolve({ texts, code: status.code, details: status.details })));
  });
}

const scenarios = {
  unary: () => unary("hello"),
  large: async () => {
    const text = "0123456789".repeat(1_000_000);
    const answer = await unary(text);
    return { code: answer.code, same: answer.text === text };
  },
  upload: () => new Promise((resolve) => {
    let trailers = {};
    const call = client.Upload((error, answer) => {
      setImmediate(() => resolve({ code: error?.code ?? 0, text: answer?.text, trailers }));
    });
    call.on("status", (status) => { trailers = status.metadata.getMap(); });
    for (let i = 0; i < 100; ++i) call.write({ text: String(i) });
    call.end();
  }),
  down: () => collect(client.Down({ text: "x" }, metadata({ "x-count": "50" }))),
  chat: () => new Promise((resolve) => {
    const texts = [];
    const call = client.Chat();
    call.on("data", (message) => {  // the next only when the last has come back
      texts.push(message.text);
      if (texts.length < 20) call.write({ text: String(texts.length) });
      else call.end();
    });
    call.on("error", () => {});
    call.on("status", (status) => resolve({ texts, code: status.code }));
    call.write({ text: "0" });
  }),
  fail: () => collect(client.Fail({ text: "x" }, metadata({ "x-status": "already_exists" }))),
  cancel: () => new Promise((resolve) => {
    const call = client.Hang({ text: "x" });
    call.on("data", () => call.cancel());
    call.on("error", () => {});
    call.on("status", (status) => resolve({ code: status.code }));
  }),
  deadline: () => collect(client.Hang({ text: "x" }, { deadline: Date.now() + 1000 })),
  retried: async () => {
    const codes = [];
    for (let i = 0; i < 20; ++i) codes.push((await unary("again")).code);
    return { codes };
  },
  refused: () => new Promise((resolve) => {
    client.makeUnaryRequest("/nobody.Knows/It", (x) => x, (x) => x, Buffer.from(""), (error) => {
      resolve({ code: error?.code, details: error?.details, cause: error?.metadata?.get("x-trunkline-cause")[0] });
    });
  }),
};

scenarios[scenario]().then((told) => {
  console.log(JSON.stringify(told));
  client.close();
}, (error) => { console.error(error); process.exit(1); });
