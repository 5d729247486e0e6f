#!/usr/bin/env node
/*
Golden bytes of two npm packages: sms-segments-calculator splits, smpp (node-smpp) encodes.
texts.json on standard input, npm.jsonl on standard output.

    env=$(mktemp -d)
    npm install --prefix "$env" smpp@0.5.1 iconv-lite@0.7.3 \
      sms-segments-calculator@1.3.0 grapheme-splitter@1.0.4
    NODE_PATH="$env/node_modules" node make_npm.js < texts.json > npm.jsonl

The splitter keeps together what is seen as one character (clusters of emoji, combining marks);
where that moves a cut, the line is not `exact`. It knows only headers of six octets, so there is
no header with a reference of 16 bits here, and a part by SAR, whose reference has 16 bits, may be
too long by one; those lines are not `exact` either.
*/
"use strict";

const fs = require("fs");
const { PDU } = require("smpp");
const { SegmentedMessage } = require("sms-segments-calculator");

const LIBRARY = "smpp 0.5.1 with sms-segments-calculator 1.3.0 (npm)";
const EXTENSION = "\f^{}\\[~]|€";

/** Septets or UTF-16 units. */
function size(text, gsm) {
  if (!gsm) return text.length;
  return [...text].reduce((sum, character) => sum + (EXTENSION.includes(character) ? 2 : 1), 0);
}

/** Why esmed would not make these octets; null where it would: each part takes all that it can. */
function flaw(parts, way, gsm) {
  if (parts.length === 1) return null;
  const limit = (gsm ? 153 : 67) - (way === "sar" ? 1 : 0);
  if (parts.some((part) => size(part, gsm) > limit)) {
    return "leaves no room for a reference of 16 bits";
  }
  for (let i = 0; i + 1 < parts.length; i += 1) {
    const next = [...parts[i + 1]][0];
    if (size(parts[i] + next, gsm) <= limit) return "keeps a cluster together";
  }
  return null;
}

function pdu(number, fields) {
  return new PDU("submit_sm", {
    sequence_number: number,
    source_addr_ton: 5,
    source_addr: "Golden",
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: "447700900100",
    registered_delivery: 1,
    ...fields,
  });
}

function line(text, way, reference) {
  const segmented = new SegmentedMessage(text.text);
  const gsm = segmented.encodingName === "GSM-7";
  const data_coding = gsm ? 0 : 8;
  let parts = segmented.segments.map((segment) =>
    Array.from(segment, (character) => character.raw || "").join(""),
  );
  if (way === "payload") parts = [text.text];
  const several = parts.length > 1;
  const pdus = parts.map((message, index) => {
    const fields = { data_coding, short_message: message };
    if (way === "payload") {
      fields.short_message = "";
      fields.message_payload = message;
    } else if (several && way === "udh") {
      const udh = Buffer.from([5, 0, 3, reference, parts.length, index + 1]);
      fields.short_message = { udh, message };
    } else if (several && way === "sar") {
      fields.sar_msg_ref_num = reference;
      fields.sar_total_segments = parts.length;
      fields.sar_segment_seqnum = index + 1;
    }
    return pdu(index + 1, fields).toBuffer().toString("hex");
  });
  const note = flaw(parts, way, gsm);
  return {
    library: LIBRARY,
    text: text.name,
    way,
    asked: 0,
    reference,
    exact: note === null,
    note,
    pdus,
  };
}

JSON.parse(fs.readFileSync(0, "utf8")).forEach((text, index) => {
  const first = line(text, "udh", index + 1);
  const lines = [first];
  // Of what fits one message, the ways differ in nothing worth keeping.
  if (first.pdus.length > 1) {
    lines.push(line(text, "sar", index + 1), line(text, "payload", index + 1));
  }
  for (const one of lines) console.log(JSON.stringify(one));
});
