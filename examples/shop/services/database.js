'use strict';
// One service's SQLite file, through one long-lived `sqlite3` process (Debian package sqlite3).
//
// Why not a module: Node 18 and 20 have none built in, and Debian's node-sqlite3 can only be
// installed beside Debian's own Node, not beside one from elsewhere. The command works with every
// Node, and its locking is the real SQLite's, so replicas may share the file (WAL).
//
// Every statement stands alone and commits by itself: a service must say what belongs together in
// one statement (INSERT ... ON CONFLICT ... RETURNING), never in two. Values are never pasted into
// SQL: a text goes as the hexadecimal of its bytes, which can hold neither a quote nor a newline.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { fail } = require('./web.js');

const END = 'end-of-answer';
const MAX_WAITING = 256;
const ANSWER_MS = 10000;

class Database {
  // Opens DATABASE and runs `schema`, statements that may be repeated.
  constructor(name, schema) {
    this.file = process.env.DATABASE || `data/${name}.db`;
    this.waiting = []; // statements sent and not answered, oldest first
    this.lines = []; // the answer being received
    this.rest = '';
    this.closing = false;
    fs.mkdirSync(path.dirname(this.file), { recursive: true });
    this.start(name);
    this.ready = this.prepare(schema);
    this.ready.catch((error) => fail(`${name}: cannot open ${this.file}: ${error.message}`));
  }

  // The child has a session of its own (detached): a SIGTERM to the service's process group must
  // not take the database away while requests are in flight. It ends when its input ends, so it
  // also goes when this process is killed. Errors come on the same pipe as rows, in order.
  start(name) {
    const command = ['-c', 'exec sqlite3 -batch -init /dev/null -json "$0" 2>&1', this.file];
    this.child = spawn('/bin/sh', command, { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
    this.child.stdout.setEncoding('utf8');
    this.child.stdout.on('data', (piece) => this.receive(piece));
    this.child.stdin.on('error', () => {}); // its exit, below, tells the same
    this.child.on('exit', (code) => {
      if (this.closing) return;
      const hint = code === 127 ? ' Install it: apt install sqlite3.' : '';
      fail(`${name}: the sqlite3 process ended (${code}).${hint}`);
    });
  }

  async prepare(schema) {
    this.child.stdin.write('.timeout 5000\n');
    // Two replicas that start together both switch a new file to WAL, and SQLite answers "locked"
    // to one of them without waiting: so this waits.
    for (let attempt = 1; ; attempt++) {
      try {
        await this.send('PRAGMA journal_mode=WAL');
        await this.send('PRAGMA synchronous=NORMAL');
        for (const statement of schema) await this.send(statement);
        return;
      } catch (error) {
        if (!error.message.includes('locked') || attempt === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  // Runs one statement with its `?` replaced in order; resolves to its rows.
  async query(sql, ...values) {
    await this.ready;
    if (this.waiting.length >= MAX_WAITING) throw new Error('too many statements wait for the database');
    let next = 0;
    return this.send(sql.replace(/\?/g, () => literal(values[next++])));
  }

  send(sql) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`the database did not answer in ${ANSWER_MS} ms: ${this.file}`), ANSWER_MS);
      this.waiting.push({ resolve, reject, timer });
      this.child.stdin.write(`${sql.replace(/\s+/g, ' ')};\n.print ${END}\n`);
    });
  }

  receive(piece) {
    const lines = (this.rest + piece).split('\n');
    this.rest = lines.pop();
    for (const line of lines) {
      // Rows are JSON, where a newline inside a text is escaped: no row can look like the mark.
      if (line !== END) {
        this.lines.push(line);
        continue;
      }
      const { resolve, reject, timer } = this.waiting.shift();
      clearTimeout(timer);
      const answer = this.lines.join('\n');
      this.lines = [];
      try {
        resolve(answer === '' ? [] : JSON.parse(answer));
      } catch {
        reject(new Error(answer));
      }
    }
  }

  // Answers what was asked, then ends the child.
  async close() {
    await this.ready;
    this.closing = true;
    await new Promise((resolve) => {
      this.child.on('exit', resolve);
      this.child.stdin.end();
    });
  }
}

function literal(value) {
  if (value === null) return 'NULL';
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value === 'string') return `CAST(x'${Buffer.from(value, 'utf8').toString('hex')}' AS TEXT)`;
  throw new TypeError(`SQLite cannot take a ${typeof value} here`);
}

module.exports = { Database };
