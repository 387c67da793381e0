// grpc_web_client.js PORT FORMAT SCENARIO: the browsers' client of gRPC-Web (npm grpc-web); prints JSON.
"use strict";
global.XMLHttpRequest = require("xmlhttprequest-ssl");
const { GrpcWebClientBase, MethodDescriptor, MethodType } = require("grpc-web");
const { BinaryReader, BinaryWriter } = require("google-protobuf");

const [port, format, scenario] = process.argv.slice(2);
const host = `http://127.0.0.1:${port}`;
const client = new GrpcWebClientBase({ format });

function encode(message) {
  const writer = new BinaryWriter();
  writer.writeString(1, message.text);
  return writer.getResultBuffer();
}

function decode(bytes) {
  const reader = new BinaryReader(bytes);
  const message = { text: "" };
  while (reader.nextField() && !reader.isEndGroup()) {
    if (reader.getFieldNumber() === 1) message.text = reader.readString();
    else reader.skipField();
  }
  return message;
}

function method(name, type) {
  return new MethodDescriptor(name, type, Object, Object, encode, decode);
}

function unary(name, metadata = {}) {
  return new Promise((resolve) => {
    client.rpcCall(host + name, { text: "hello" }, metadata, method(name, MethodType.UNARY), (error, answer) => {
      resolve({ code: error?.code ?? 0, message: error?.message, text: answer?.text });
    });
  });
}

function stream(name, metadata = {}) {
  return new Promise((resolve) => {
    const texts = [];
    let code = 0;
    const call = client.serverStreaming(host + name, { text: "x" }, metadata, method(name, MethodType.SERVER_STREAMING));
    call.on("data", (message) => texts.push(message.text));
    call.on("status", (status) => { code = status.code; });
    call.on("error", (error) => resolve({ texts, code: error.code }));
    call.on("end", () => resolve({ texts, code }));
  });
}

const scenarios = {
  unary: () => unary("/test.Echo/Unary"),
  down: () => stream("/test.Echo/Down", { "x-count": "3" }),
  fail: () => unary("/test.Echo/Fail", { "x-status": "not_found" }),
  refused: () => unary("/nobody.Knows/It"),
};

scenarios[scenario]().then((told) => console.log(JSON.stringify(told)));
