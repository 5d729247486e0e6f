#!/usr/bin/env python3
"""Golden bytes of aiosmpplib (PyPI): texts.json on standard input, aiosmpplib.jsonl on standard output.

    env=$(mktemp -d)
    python3 -m venv "$env" && "$env/bin/pip" install aiosmpplib==0.7.4
    "$env/bin/python" make_aiosmpplib.py < texts.json > aiosmpplib.jsonl

It splits as aiosmpplib's ESME does before it sends. It counts characters, not septets, so a part
with characters of the extension table may be longer than a part can be; such lines are not
`exact`. Without a header its parts have 254 octets (characters): those are not `exact` either.
"""

import json
import struct
import sys

from aiosmpplib import PhoneNumber, SubmitSm
from aiosmpplib.protocol import (
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    OptionalParam,
)
from aiosmpplib.state import NPI, TON
from aiosmpplib.utils import detect_format, split_sms, split_sms_udh

LIBRARY = "aiosmpplib 0.7.4 (PyPI)"
EXTENSION = set("\f^{}\\[~]|€")


def message(text, encoding, number, **fields):
    return SubmitSm(
        sequence_num=number,
        source=PhoneNumber("Golden", TON.ALPHANUMERIC, NPI.UNKNOWN),
        destination=PhoneNumber("447700900100", TON.INTERNATIONAL, NPI.ISDN),
        encoding=encoding,
        optional_params=[],
        auto_message_payload=False,
        **{"short_message": text, **fields},
    )


def fits(text, encoding):
    if encoding == "gsm0338":
        return sum(1 + (character in EXTENSION) for character in text) <= 160
    return len(text.encode("utf-16-be")) <= 140


def flaw(way, encoding, parts, fits_one):
    """Why esmed would not make these octets; None where it would."""
    if way == "payload" or fits_one:
        return None
    if way == "sar":
        return "parts of 254 characters or octets"
    longest = 153 if way == "udh" else 152
    header = 6 if way == "udh" else 7
    if encoding == "gsm0338" and (
        len(parts) == 1 or any(len(part) - header > longest for part in parts)
    ):
        return "counts an extension character as one septet"
    return None


def line(text, way, reference):
    reference = reference + 0x100 if way in ("udh16", "sar") else reference
    encoding = detect_format(text["text"])
    parts = [None]
    if way in ("udh", "udh16"):
        parts = split_sms_udh(text["text"], encoding, reference)
    elif way == "sar":
        parts = split_sms(text["text"], encoding)
    several = len(parts) > 1
    pdus = []
    for number, part in enumerate(parts, start=1):
        where = {"short_message": "", "message_payload": text["text"]}
        one = message(
            text["text"],
            encoding,
            number,
            esm_class=0x40 if several and way != "sar" else 0,
            **(where if way == "payload" else {}),
        )
        if several:
            one.set_encoded_message(part)
            one.optional_params += [
                OptionalParam(SAR_MSG_REF_NUM, reference),
                OptionalParam(SAR_SEGMENT_SEQNUM, number),
                OptionalParam(SAR_TOTAL_SEGMENTS, len(parts)),
            ]
        pdus.append(one.pdu().hex())
    remark = flaw(way, encoding, parts, fits(text["text"], encoding))
    return {
        "library": LIBRARY,
        "text": text["name"],
        "way": way,
        "asked": 0,
        "reference": reference,
        "exact": remark is None,
        "note": remark,
        "pdus": pdus,
    }


def main():
    for reference, text in enumerate(json.load(sys.stdin), start=1):
        if not text["text"]:
            continue  # which it refuses
        short = fits(text["text"], detect_format(text["text"]))
        for way in ("udh",) if short else ("udh", "udh16", "sar", "payload"):
            try:
                print(json.dumps(line(text, way, reference)))
            except (struct.error, ValueError):
                pass  # a part longer than sm_length, by its count of septets


main()
