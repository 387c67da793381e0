#!/usr/bin/env node
'use strict';
// Notifications: what customers were told, and when. Context: engagement.
// POST /messages is for other services; GET /inbox/{user_id} is what the customer sees.

const { Database } = require('./database.js');
const { Problem, Service, text } = require('./web.js');

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, order_id TEXT NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, at REAL NOT NULL, UNIQUE (order_id, kind))`,
  'CREATE INDEX IF NOT EXISTS inboxes ON messages(user_id, number)',
];

const service = new Service('notifications');
const database = new Database('notifications', SCHEMA);

// The same kind of message about the same order is sent once, however often it is asked for.
service.route('POST', '/messages', async ({ body }) => {
  const [made] = await database.query(
    `INSERT INTO messages (user_id, order_id, kind, text, at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (order_id, kind) DO NOTHING RETURNING number`,
    text(body, 'user_id', 64), text(body, 'order_id', 64), text(body, 'kind', 32), text(body, 'text'), Date.now() / 1000);
  return { status: made ? 201 : 200, body: { sent: made !== undefined } };
});

service.route('GET', '/inbox/{user_id}', async ({ params, headers }) => {
  const consumer = headers['x-consumer'];  // who asks, as the gateway has found out; none: another service
  if (consumer !== undefined && consumer !== params.user_id) throw new Problem(404, 'unknown_inbox', 'There is no such inbox.');
  const messages = await database.query(
    'SELECT number, order_id, kind, text, at FROM messages WHERE user_id = ? ORDER BY number DESC LIMIT 50',
    params.user_id);
  return { status: 200, body: { messages } };
});

service.run(() => database.query('SELECT 1'), () => database.close());
