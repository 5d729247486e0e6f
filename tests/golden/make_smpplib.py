#!/usr/bin/env python3
"""Golden bytes of smpplib (PyPI): texts.json on standard input, smpplib.jsonl on standard output.

    env=$(mktemp -d)
    python3 -m venv "$env" && "$env/bin/pip" install smpplib==2.2.4 six==1.17.0
    "$env/bin/python" make_smpplib.py < texts.json > smpplib.jsonl

smpplib cuts the encoded octets into slices of equal length, so an escape or a surrogate pair may
fall apart; such lines are not `exact`. Its parts by SAR are as long as those with a header of six
octets, but the reference of SAR has 16 bits, and the SMSC's header then seven. Its table lacks
the section sign and the form feed.
"""

import json
import random
import sys

import smpplib.consts
import smpplib.gsm
import smpplib.smpp

LIBRARY = "smpplib 2.2.4 (PyPI)"
DEFAULT, LATIN1, UCS2 = 0, 3, 8


class Client:
    """The part of a client that make_pdu asks for."""

    sequence = 0

    def next_sequence(self):
        self.sequence += 1
        return self.sequence


def pdu(client, **fields):
    return smpplib.smpp.make_pdu(
        "submit_sm",
        client=client,
        source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
        source_addr="Golden",
        dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
        dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
        destination_addr="447700900100",
        registered_delivery=True,
        **fields,
    ).generate()


def flaw(text, way, parts, data_coding):
    """Why esmed would not make these octets; None where it would."""
    for part in parts[:-1]:
        if data_coding == DEFAULT and part.endswith(b"\x1b"):
            return "cuts an escape"
        if data_coding == UCS2 and 0xD8 <= part[-2] <= 0xDB:
            return "cuts a surrogate pair"
    if way == "sar" and len(parts) > 1:
        return "leaves no room for a reference of 16 bits"
    known = text.replace("§", "").replace("\f", "")
    if data_coding == UCS2 and known != text:
        try:
            smpplib.gsm.gsm_encode(known)
        except UnicodeError:
            return None
        return "UCS2, because its table of GSM 03.38 lacks a character"
    return None


def line(text, way, asked, reference):
    random.seed(reference)
    parts, data_coding, esm_class = smpplib.gsm.make_parts(
        text["text"], encoding=asked, use_udhi=way == "udh"
    )
    several = len(parts) > 1
    bodies = parts
    if several and way == "udh":
        reference = parts[0][3]  # its own choice
        bodies = [part[6:] for part in parts]
    client = Client()
    fields = {"esm_class": esm_class, "data_coding": data_coding}
    if way == "payload":
        bodies = [b"".join(parts)]
        pdus = [pdu(client, short_message=b"", message_payload=bodies[0], **fields)]
    elif way == "sar" and several:
        pdus = [
            pdu(
                client,
                short_message=part,
                sar_msg_ref_num=reference,
                sar_total_segments=len(parts),
                sar_segment_seqnum=number,
                **fields,
            )
            for number, part in enumerate(parts, start=1)
        ]
    else:
        pdus = [pdu(client, short_message=part, **fields) for part in parts]
    remark = flaw(text["text"], way, bodies, data_coding)
    return {
        "library": LIBRARY,
        "text": text["name"],
        "way": way,
        "asked": asked,
        "reference": reference,
        "exact": remark is None,
        "note": remark,
        "pdus": [octets.hex() for octets in pdus],
    }


def main():
    for reference, text in enumerate(json.load(sys.stdin), start=1):
        asked = LATIN1 if text["name"].startswith("latin-1") else DEFAULT
        lines = [line(text, way, asked, reference) for way in ("udh", "sar", "payload")]
        # Of what fits one message, the ways differ in nothing worth keeping.
        for one in lines if len(lines[0]["pdus"]) > 1 else lines[:1]:
            print(json.dumps(one))


main()
