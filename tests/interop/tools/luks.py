# SPDX-License-Identifier: MIT
"""LUKS headers as the specifications have them, read and rewritten for tests."""
import hashlib
import json
import struct

import dmcrypt

LUKS1_FORMAT = ">6sH32s32s32sII20s32sI40s"
LUKS1_FIELDS = ("magic", "version", "cipher", "mode", "hash", "payload_offset", "key_bytes",
                "digest", "salt", "iterations", "uuid")
LUKS1_SLOTS_AT, LUKS1_SLOT_BYTES = 208, 48
LUKS1_SLOT_FORMAT = ">II32sII"
LUKS1_SLOT_FIELDS = ("active", "iterations", "salt", "offset", "stripes")
LUKS1_ACTIVE = 0x00AC71F3

LUKS2_FORMAT = ">6sHQQ48s32s64s40s48sQ184x64s"
LUKS2_FIELDS = ("magic", "version", "hdr_size", "seqid", "label", "checksum_alg", "salt", "uuid",
                "subsystem", "hdr_offset", "checksum")
LUKS2_BINARY_BYTES = 4096
LUKS2_MAGIC = {0: b"LUKS\xba\xbe", 1: b"SKUL\xba\xbe"}


def unpack(layout, names, data, at=0):
    return dict(zip(names, struct.unpack_from(layout, data, at)))


def pack(layout, names, fields):
    return struct.pack(layout, *(fields[name] for name in names))


def text(field):
    return field.split(b"\0")[0].decode()


class Luks1:
    version = 1

    def __init__(self, data):
        self.fields = unpack(LUKS1_FORMAT, LUKS1_FIELDS, data)
        self.slots = [unpack(LUKS1_SLOT_FORMAT, LUKS1_SLOT_FIELDS, data,
                             LUKS1_SLOTS_AT + LUKS1_SLOT_BYTES * slot) for slot in range(8)]

    def write(self, data):
        """Puts the header, as it is now, over the one in `data`."""
        data[:LUKS1_SLOTS_AT] = pack(LUKS1_FORMAT, LUKS1_FIELDS, self.fields)
        for number, slot in enumerate(self.slots):
            at = LUKS1_SLOTS_AT + LUKS1_SLOT_BYTES * number
            data[at:at + LUKS1_SLOT_BYTES] = pack(LUKS1_SLOT_FORMAT, LUKS1_SLOT_FIELDS, slot)

    def geometry(self):
        return {"data_offset": self.fields["payload_offset"] * 512, "size": None, "iv_offset": 0,
                "cipher": text(self.fields["cipher"]) + "-" + text(self.fields["mode"]),
                "sector_size": 512}


class Luks2:
    """Both copies of the header; `json` is the first's, and edited in place."""
    version = 2

    def __init__(self, data):
        self.hdr_size = unpack(LUKS2_FORMAT, LUKS2_FIELDS, data)["hdr_size"]
        self.copies = [unpack(LUKS2_FORMAT, LUKS2_FIELDS, data, copy * self.hdr_size)
                       for copy in (0, 1)]
        self.json_bytes = bytes(data[LUKS2_BINARY_BYTES:self.hdr_size]).split(b"\0")[0]
        self.json = json.loads(self.json_bytes)

    def area_encode(self):
        """The JSON area: the edited JSON, or json_area if a test wants it byte by byte."""
        area = getattr(self, "json_area", None)
        if area is None:
            area = json.dumps(self.json, separators=(",", ":")).encode()
        size = self.hdr_size - LUKS2_BINARY_BYTES
        assert len(area) <= size, "the JSON is larger than its area"
        return area.ljust(size, b"\0")

    def write(self, data, copies=(0, 1), checksum=True):
        for copy in copies:
            at, fields = copy * self.hdr_size, dict(self.copies[copy])
            area = self.area_encode()
            if checksum:
                binary = pack(LUKS2_FORMAT, LUKS2_FIELDS, dict(fields, checksum=bytes(64)))
                fields["checksum"] = hashlib.sha256(binary.ljust(LUKS2_BINARY_BYTES, b"\0") + area
                                                    ).digest().ljust(64, b"\0")
            binary = pack(LUKS2_FORMAT, LUKS2_FIELDS, fields)
            data[at:at + self.hdr_size] = binary.ljust(LUKS2_BINARY_BYTES, b"\0") + area

    def geometry(self):
        segment = self.json["segments"]["0"]
        size = segment["size"]
        return {"data_offset": int(segment["offset"]), "cipher": segment["encryption"],
                "size": None if size == "dynamic" else int(size),
                "iv_offset": int(segment["iv_tweak"]), "sector_size": segment["sector_size"]}


def af_merge(split, size, hash_name):
    """LUKS1's anti-forensic stripes put together again."""
    def diffuse(block):
        step = hashlib.new(hash_name).digest_size
        return b"".join(
            hashlib.new(hash_name, number.to_bytes(4, "big") + block[at:at + step]).digest()
            [:len(block) - at] for number, at in enumerate(range(0, len(block), step)))

    block = bytes(size)
    for at in range(0, len(split), size):
        block = bytes(a ^ b for a, b in zip(block, split[at:at + size]))
        if at + size < len(split):
            block = diffuse(block)
    return block


def luks1_key(data, passphrase):
    """The volume key by the specification, without libcryptsetup; None if no keyslot opens."""
    header = Luks1(data)
    fields, name = header.fields, text(header.fields["hash"])
    size = fields["key_bytes"]
    for slot in header.slots:
        if slot["active"] != LUKS1_ACTIVE:
            continue
        key = hashlib.pbkdf2_hmac(name, passphrase, slot["salt"], slot["iterations"], size)
        at, length = slot["offset"] * 512, size * slot["stripes"]
        split = dmcrypt.DmCrypt(header.geometry()["cipher"], key).crypt(
            False, bytes(data[at:at + -(-length // 512) * 512]), 0)[:length]
        key = af_merge(split, size, name)
        if hashlib.pbkdf2_hmac(name, key, fields["salt"], fields["iterations"], 20) == \
                fields["digest"]:
            return key
    return None


def header_read(data):
    if data[:6] != LUKS2_MAGIC[0]:
        raise ValueError("no LUKS magic")
    return (Luks1 if data[7] == 1 else Luks2)(data)
