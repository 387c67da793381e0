#!/usr/bin/env node
'use strict';
// Payments: charges cards and pays back, each at most once for an order. Context: billing.
//
// The bank is played: BANK_DELAY_MS is how long it thinks, and some card numbers are told to fail
// (CARDS below). A card number is never stored, only its last four digits.

const { createHmac } = require('node:crypto');
const { Database } = require('./database.js');
const { Problem, Service, text, fail } = require('./web.js');

const CARDS = {
  '4000000000000002': [402, 'card_declined', 'The bank declined the card.'],
  '4000000000009995': [402, 'insufficient_funds', 'There is not enough money on the card.'],
  '4000000000000119': [503, 'bank_unavailable', 'The bank does not answer.'],
};
const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS payments (
    order_id TEXT PRIMARY KEY, status TEXT NOT NULL, amount_cents INTEGER NOT NULL, currency TEXT NOT NULL,
    card_last4 TEXT NOT NULL, receipt TEXT NOT NULL, code TEXT NOT NULL)`,
];

const key = process.env.PAYMENT_KEY;
if (!key) fail('payments: PAYMENT_KEY is not set; it signs receipts. Give it under secrets in the manifest.');
const bankDelay = Math.min(Number(process.env.BANK_DELAY_MS) || 0, 10000);

const service = new Service('payments');
const database = new Database('payments', SCHEMA);

function shown(row) {
  const { order_id, status, amount_cents, currency, card_last4, receipt } = row;
  return { order_id, status, amount_cents, currency, card_last4, receipt };
}

function cardNumber(body) {
  const digits = text(body, 'card', 23).replace(/[ -]/g, '');
  if (!/^\d{12,19}$/.test(digits) || !passesLuhn(digits)) {
    throw new Problem(422, 'invalid_card', 'This is not a card number.', { field: 'card' });
  }
  return digits;
}

function passesLuhn(digits) {
  let sum = 0;
  [...digits].reverse().forEach((digit, index) => {
    const doubled = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  });
  return sum % 10 === 0;
}

// Charges once: repeating the request repeats the answer. After a refund the order can no longer
// be charged, also when the refund came first (a charge that was late on its way).
service.route('PUT', '/payments/{order_id}', async ({ params, body }) => {
  const { order_id } = params;
  const digits = cardNumber(body);
  const amount = body.amount_cents;
  const currency = text(body, 'currency', 3);
  if (!Number.isSafeInteger(amount) || amount < 1) {
    throw new Problem(422, 'invalid_field', "'amount_cents' must be a whole number above 0.", { field: 'amount_cents' });
  }
  if (bankDelay > 0) await new Promise((resolve) => setTimeout(resolve, bankDelay));
  const [failStatus, failCode, failDetail] = CARDS[digits] || [];
  if (failStatus === 503) throw new Problem(503, failCode, failDetail);
  const receipt = createHmac('sha256', key).update(`${order_id}:${amount}:${currency}`).digest('hex').slice(0, 24);
  const status = failStatus ? 'declined' : 'charged';
  const [made] = await database.query(
    'INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING *',
    order_id, status, amount, currency, digits.slice(-4), failStatus ? '' : receipt, failCode || '');
  const [row] = made ? [made] : await database.query('SELECT * FROM payments WHERE order_id = ?', order_id);
  return answerFor(row, amount, made !== undefined);
});

function answerFor(row, amount, isNew) {
  if (row.status === 'declined') {
    const [, , detail] = Object.values(CARDS).find(([, code]) => code === row.code);
    throw new Problem(402, row.code, detail);
  }
  if (row.status === 'refunded') throw new Problem(409, 'refunded', 'This order was refunded and cannot be charged.');
  if (row.amount_cents !== amount) throw new Problem(409, 'amount_differs', 'This order was charged another amount.');
  return { status: isNew ? 201 : 200, body: shown(row) };
}

// Always succeeds, and says whether money moved. An order never charged is marked, so that a charge
// that arrives later finds it closed.
service.route('POST', '/payments/{order_id}/refund', async ({ params }) => {
  const [row] = await database.query(
    `INSERT INTO payments VALUES (?, 'refunded', 0, '', '', '', '')
     ON CONFLICT DO UPDATE SET status = 'refunded' WHERE status = 'charged' RETURNING *`, params.order_id);
  return { status: 200, body: { changed: row !== undefined && row.amount_cents > 0 } };
});

service.route('GET', '/payments/{order_id}', async ({ params }) => {
  const [row] = await database.query('SELECT * FROM payments WHERE order_id = ?', params.order_id);
  if (!row) throw new Problem(404, 'unknown_payment', `There is no payment for ${params.order_id}.`);
  return { status: 200, body: shown(row) };
});

service.run(() => database.query('SELECT 1'), () => database.close());
