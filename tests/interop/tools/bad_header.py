#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One damage a function, for each field of a LUKS header, with the outcome that it must have.

    bad_header.py list luks1|luks2                NAME, OUTCOME, REGEX separated by tabs
    bad_header.py make NAME GOOD-IMAGE BAD-IMAGE

OUTCOME is "opens" (and reads the right data), "refused" (exit 1 and a line that matches REGEX) or
"either" (both are sane; then still never other data, and never a crash). What is honest but takes
half an hour is "endless", and not listed. In LUKS2 the checksums are
repaired, so that the damage gets through to whoever reads the JSON, unless the name says otherwise.

GOOD-IMAGE has been made with one keyslot, number 0.
"""
import os
import sys

import luks

DAMAGES = {}

# How a reason may be worded. Anything more exact would be a copy of the code.
HEADER = "[Hh]eader|LUKS|damaged|invalid|valid"
KEY = "passphrase|[Kk]eyslot|[Kk]ey|" + HEADER
CIPHER = "cipher|supported|" + KEY
PLACE = "offset|size|small|room|end|beyond|" + KEY
NEVER = "requir|unknown|supported|" + KEY


def damage(kind, outcome, regex="", name=None, **arguments):
    """Registers the function; it gets the image's bytes, and the header unless it is "raw"."""
    def register(function):
        DAMAGES[kind + "-" + (name or function.__name__.replace("_", "-"))] = (
            kind, outcome, regex or HEADER, lambda *given: function(*given, **arguments))
        return function
    return register


# --- LUKS1: nothing has a checksum but the volume key

def luks1(outcome, regex="", **options):
    return damage("luks1", outcome, regex, **options)


def fields1(header, slot=None):
    return header.fields if slot is None else header.slots[slot]


def set1(outcome, regex, name, field, value, slot=None):
    @luks1(outcome, regex, name=name)
    def change(data, header):
        where = fields1(header, slot)
        where[field] = value(where[field]) if callable(value) else value


def flip(field):
    return bytes([field[0] ^ 1]) + field[1:]


for _name, _value in {"zeros": bytes(6), "luks2s-second": luks.LUKS2_MAGIC[1], "flipped": b"MUKS\xba\xbe"
                      }.items():
    set1("refused", HEADER, "magic-" + _name, "magic", _value)
for _value in (0, 3, 0xffff):
    set1("refused", HEADER, f"version-{_value}", "version", _value)
set1("refused", HEADER, "version-2", "version", 2)
for _name, _value in {"empty": b"", "unknown": b"nosuchcipher", "other": b"serpent", "long": b"a" * 32,
                      "binary": b"\xff\xfe%s%n\n"}.items():
    set1("refused", CIPHER, "cipher-" + _name, "cipher", _value)
for _name, _value in {"empty": b"", "unknown": b"nosuch-plain", "no-iv": b"xts-", "random": b"xts-random",
                      "other": b"cbc-plain", "essiv-unknown": b"cbc-essiv:nosuch", "long": b"x" * 32,
                      "binary": b"\x80\x01xts"}.items():
    set1("refused", CIPHER, "mode-" + _name, "mode", _value)
for _name, _value in {"empty": b"", "unknown": b"nosuchhash", "other": b"sha512", "long": b"s" * 32
                      }.items():
    set1("refused", "hash|" + KEY, "hash-" + _name, "hash", _value)
# Inside the header, where the volume would reach the key material, or past the image's end.
for _value in (1, 2, 8, 100, 0x7fffffff, 0xffffffff):
    set1("refused", PLACE, f"payload-offset-{_value}", "payload_offset", _value)
# 0 says that the payload is elsewhere: in this image it is not.
set1("refused", PLACE, "payload-offset-0", "payload_offset", 0)
for _value in (0, 1, 16, 33, 0x7fffffff, 0xffffffff):
    set1("refused", "key|" + KEY, f"key-bytes-{_value}", "key_bytes", _value)
set1("refused", KEY, "digest-flipped", "digest", flip)
set1("refused", KEY, "digest-zeros", "digest", bytes(20))
set1("refused", KEY, "salt-flipped", "salt", flip)
for _value in (0, 999):
    set1("refused", KEY, f"iterations-{_value}", "iterations", _value)
set1("opens", "", "uuid-empty", "uuid", b"")
set1("opens", "", "uuid-binary", "uuid", b"\xff" * 40)
for _name, _value in {"0": 0, "disabled": 0xdead, "random": 0x12345678, "little-endian": 0xf371ac00}.items():
    set1("refused", KEY, "slot-active-" + _name, "active", _value, slot=0)
for _value in (0, 999):
    set1("refused", KEY, f"slot-iterations-{_value}", "iterations", _value, slot=0)
set1("endless", KEY, "slot-iterations-max", "iterations", 0xffffffff, slot=0)
set1("refused", KEY, "slot-salt-flipped", "salt", flip, slot=0)
for _value in (0, 1, 3999, 4001, 0xffffffff):
    set1("refused", KEY, f"slot-stripes-{_value}", "stripes", _value, slot=0)
for _value in (0, 1, 9, 0x7fffffff, 0xffffffff):
    set1("refused", PLACE, f"slot-offset-{_value}", "offset", _value, slot=0)


@luks1("refused", KEY)
def slot_in_the_payload(data, header):
    header.slots[0]["offset"] = header.fields["payload_offset"]


@luks1("either", KEY)
def unused_slots_garbage(data, header):
    for slot in header.slots[1:]:
        slot.update(active=0x11223344, offset=0xffffffff, stripes=7, iterations=0)


@luks1("either", KEY)
def unused_slot_over_the_first(data, header):
    header.slots[1]["offset"] = header.slots[0]["offset"]


@luks1("opens")
def unused_slot_salt(data, header):
    header.slots[5]["salt"] = b"\xff" * 32


@luks1("refused", KEY, name="raw-material-flipped")
def luks1_material_flipped(data, header):
    data[header.slots[0]["offset"] * 512 + 100] ^= 1


# --- LUKS2: the binary header

def luks2(outcome, regex="", **options):
    return damage("luks2", outcome, regex, **options)


def both(header, **fields):
    for copy in header.copies:
        copy.update(fields)


def set2(outcome, regex, name, **fields):
    @luks2(outcome, regex, name="binary-" + name)
    def change(data, header):
        both(header, **fields)


set2("refused", HEADER, "magic-zeros", magic=bytes(6))
# The second copy is whole, and where it belongs.
set2("either", HEADER, "magics-exchanged", magic=luks.LUKS2_MAGIC[1])
for _value in (0, 3, 0xffff):
    set2("refused", HEADER, f"version-{_value}", version=_value)
set2("refused", HEADER, "version-1", version=1)
for _value in (0, 4095, 4096, 16383, 65536, 4194304, 8388608, 1 << 63, (1 << 64) - 1):
    set2("refused", HEADER, f"hdr-size-{_value}", hdr_size=_value)
set2("opens", "", "seqid-0", seqid=0)
set2("opens", "", "seqid-max", seqid=(1 << 64) - 1)
set2("opens", "", "label-binary", label=b"\xff\xfe%s%n\n" + b"\x01" * 41)
set2("opens", "", "label-unterminated", label=b"L" * 48)
set2("opens", "", "subsystem-unterminated", subsystem=b"S" * 48)
set2("opens", "", "uuid-empty", uuid=b"")
set2("opens", "", "salt-zeros", salt=bytes(64))
set2("refused", HEADER, "checksum-alg-empty", checksum_alg=b"")
set2("refused", HEADER, "checksum-alg-unknown", checksum_alg=b"nosuch")
set2("refused", HEADER, "checksum-alg-unterminated", checksum_alg=b"s" * 32)
set2("refused", HEADER, "hdr-offset", hdr_offset=512)
set2("refused", HEADER, "hdr-offset-max", hdr_offset=(1 << 64) - 1)


def broken(outcome, name, copies, change):
    """Without repair, in the given copies."""
    @luks2(outcome, HEADER, name="copies-" + name)
    def corrupt(data, header):
        for copy in copies:
            change(data, copy * header.hdr_size, header.hdr_size)
        return False


def zero_copy(data, at, size):
    data[at:at + size] = bytes(size)


def flip_at(offset):
    def change(data, at, size):
        data[at + offset] ^= 0x55
    return change


def garbage_copy(data, at, size):
    data[at:at + size] = os.urandom(size)


for _name, _copies in {"first": (0,), "second": (1,), "both": (0, 1)}.items():
    _outcome = "refused" if _name == "both" else "opens"
    # The first sector tells what an image is: without it, it takes someone who looks for the second.
    broken(_outcome, _name + "-zeroed", _copies, zero_copy)
    broken(_outcome, _name + "-garbage", _copies, garbage_copy)
    for _part, _offset in {"magic": 0, "version": 7, "hdr-size": 13, "seqid": 20, "label": 24,
                           "checksum-alg": 72, "salt": 104, "uuid": 168, "hdr-offset": 263,
                           "padding": 300, "checksum": 448, "json": 4097, "json-end": 16383}.items():
        # libcryptsetup takes a strange version for a format of the future, and stops there.
        broken("either" if (_name, _part) == ("first", "version") else _outcome,
               f"{_name}-{_part}-flipped", _copies, flip_at(_offset))


# The copy with the larger sequence number is the one that counts.
@luks2("opens", name="copies-second-is-newer")
def second_newer(data, header):
    header.copies[1]["seqid"] += 5


@luks2("opens", name="copies-first-is-newer")
def first_newer(data, header):
    header.copies[0]["seqid"] += 5


# --- LUKS2: the JSON

def json_area(outcome, name, area):
    @luks2(outcome, HEADER, name="area-" + name)
    def change(data, header):
        header.json_area = area(header.json_bytes, header.hdr_size - luks.LUKS2_BINARY_BYTES)


json_area("refused", "empty", lambda text, size: b"")
json_area("refused", "null", lambda text, size: b"null")
json_area("refused", "array", lambda text, size: b"[" + text + b"]")
json_area("refused", "number", lambda text, size: b"4096")
json_area("refused", "empty-object", lambda text, size: b"{}")
json_area("refused", "cut-in-half", lambda text, size: text[:len(text) // 2])
json_area("refused", "without-last-brace", lambda text, size: text[:-1])
json_area("refused", "unterminated", lambda text, size: text[:-1] + b" " * (size - len(text) + 1))
json_area("refused", "unterminated-string", lambda text, size: (text[:-1] + b',"x":"').ljust(size, b"y"))
json_area("refused", "trailing-garbage", lambda text, size: text + b"garbage")
json_area("refused", "garbage-behind-the-end", lambda text, size: text + b"\0\0garbage")
json_area("refused", "depth-arrays", lambda text, size: b"[" * size)
json_area("refused", "depth-objects", lambda text, size: (b'{"a":' * size)[:size])
json_area("refused", "depth-inside", lambda text, size: text[:-1] + b',"x":' + b"[" * 3000 + b"]" * 3000 + b"}")
json_area("either", "non-utf8", lambda text, size: text[:-1] + b',"x":"\xff\xfe\xc0\x80"}')
json_area("either", "nul-escape", lambda text, size: text[:-1] + b',"x":"a\\u0000b"}')
json_area("either", "bare-surrogate", lambda text, size: text[:-1] + b',"x":"\\ud800"}')
json_area("either", "key-twice", lambda text, size: text[:-1] + b',"digests":{}}')
json_area("either", "comment", lambda text, size: b"/* x */" + text)
json_area("either", "leading-space", lambda text, size: b"  \n" + text)


def json_set(outcome, regex, name, path, value):
    """value: what to put there; a function gets the old; KeyError deletes."""
    @luks2(outcome, regex, name="json-" + name)
    def change(data, header):
        where = header.json
        for word in path[:-1]:
            where = where[word]
        if value is KeyError:
            del where[path[-1]]
        else:
            where[path[-1]] = value(where[path[-1]]) if callable(value) else value


SEGMENT = ("segments", "0")
SLOT = ("keyslots", "0")
DIGEST = ("digests", "0")
JUNK = {"null": None, "string": "junk", "array": [], "number": 7, "negative": -1, "true": True,
        "object": {}, "empty": "", "huge": 10 ** 30}

for _part in ("keyslots", "segments", "digests", "config", "tokens"):
    json_set("refused", NEVER, f"no-{_part}", (_part,), KeyError)
    for _name in ("null", "string", "array", "number"):
        json_set("refused", NEVER, f"{_part}-{_name}", (_part,), JUNK[_name])
for _part in ("keyslots", "segments", "digests"):
    json_set("refused", NEVER, f"{_part}-empty", (_part,), {})
    for _name in ("null", "string", "array", "object"):
        json_set("refused", NEVER, f"{_part}-0-{_name}", (_part, "0"), JUNK[_name])
for _part in ("keyslots", "segments", "digests", "tokens"):
    for _name in ("x", "-1", "99999999999999999999", ""):
        json_set("refused", NEVER, f"{_part}-named-{_name}", (_part, _name), {})

for _part in ("json_size", "keyslots_size"):
    json_set("refused", PLACE, f"config-no-{_part}", ("config", _part), KeyError)
    for _name, _value in {"0": "0", "1": "1", "odd": "12289", "negative": "-4096", "number": 12288,
                          "huge": "18446744073709551616", "max": "18446744073709551615",
                          "junk": "junk", "empty": "", "hex": "0x3000", "space": " 12288"}.items():
        json_set("either" if (_part, _name) == ("keyslots_size", "0") or _name == "space" else "refused", PLACE,
                 f"config-{_part}-{_name}", ("config", _part), _value)

for _part in ("type", "offset", "size", "iv_tweak", "encryption", "sector_size"):
    json_set("refused", NEVER, f"segment-no-{_part}", SEGMENT + (_part,), KeyError)
    for _name in ("null", "array", "object", "true"):
        json_set("refused", NEVER, f"segment-{_part}-{_name}", SEGMENT + (_part,), JUNK[_name])
for _value in ("", "linear", "nosuch", "crypt2"):
    json_set("refused", NEVER, f"segment-type-{_value}", SEGMENT + ("type",), _value)
# Inside the header, or not there at all.
for _value in ("0", "512", "4096", "16384", "32768", "100000", "1099511627776", "9223372036854775808",
               "18446744073709551615", "18446744073709551616", "-1", "junk", "", " 1048576", "1e6"):
    json_set("refused", PLACE, f"segment-offset-{_value}", SEGMENT + ("offset",), _value)
json_set("refused", PLACE, "segment-offset-odd", SEGMENT + ("offset",), lambda old: str(int(old) + 1))
json_set("refused", PLACE, "segment-offset-number", SEGMENT + ("offset",), int)
for _value in ("0", "1", "511", "1099511627776", "18446744073709551615", "-1", "junk", ""):
    json_set("refused", PLACE, f"segment-size-{_value}", SEGMENT + ("size",), _value)
for _value in (0, 1, 256, 511, 513, 3072, 8192, 65536, -512, 2 ** 32 + 512, 2 ** 63, 2 ** 64, 512.5):
    json_set("refused", "sector|" + PLACE, f"segment-sector-size-{_value}", SEGMENT + ("sector_size",), _value)
json_set("refused", "sector|" + PLACE, "segment-sector-size-string", SEGMENT + ("sector_size",), "512")
for _value in ("-1", "18446744073709551616", "junk", ""):
    json_set("refused", NEVER, f"segment-iv-tweak-{_value}", SEGMENT + ("iv_tweak",), _value)
for _value in ("", "-", "--", "---", "nosuch-xts-plain64", "aes-nosuch-plain64", "aes-xts-nosuch",
               "aes-cbc-essiv", "aes-cbc-essiv:", "aes-cbc-essiv:nosuch", "aes-xts-random", "capi:",
               "capi:xts(aes", "aes:3-cbc-plain", "aes:0-cbc-plain", "aes-gcm-random", "a" * 2000,
               "%s%s%s%n", "aes-xts-plain64\n", "cipher_null-ecb-null "):
    json_set("refused", CIPHER, f"segment-encryption-{_value[:24]!r}".replace("'", "").replace("\\", ""),
             SEGMENT + ("encryption",), _value)

@luks2("refused", "integrity|" + NEVER)
def json_segment_integrity(data, header):
    header.json["segments"]["0"]["integrity"] = {
        "type": "hmac(sha256)", "journal_encryption": "none", "journal_integrity": "none"}


@luks2("refused", NEVER)
def json_segments_two(data, header):
    segment = header.json["segments"]["0"]
    segment["size"] = "1048576"
    header.json["segments"]["1"] = dict(segment, offset=str(int(segment["offset"]) + 1048576),
                                        size="dynamic")


@luks2("refused", NEVER)
def json_segments_overlap(data, header):
    header.json["segments"]["1"] = dict(header.json["segments"]["0"])


@luks2("refused", NEVER)
def json_segment_flag_unknown(data, header):
    header.json["segments"]["0"]["flags"] = [1, 2]


for _part in ("type", "key_size", "af", "area", "kdf"):
    json_set("refused", KEY, f"keyslot-no-{_part}", SLOT + (_part,), KeyError)
    for _name in ("null", "array", "string", "number"):
        json_set("refused", KEY, f"keyslot-{_part}-{_name}", SLOT + (_part,), JUNK[_name])
for _value in (0, -1, 1, 16, 65, 2 ** 31, 2 ** 63, 10 ** 30):
    json_set("refused", KEY, f"keyslot-key-size-{_value}", SLOT + ("key_size",), _value)
for _part in ("type", "salt", "hash", "iterations"):
    json_set("refused", KEY, f"kdf-no-{_part}", SLOT + ("kdf", _part), KeyError)
    for _name in ("null", "array", "empty", "string"):
        json_set("refused", KEY, f"kdf-{_part}-{_name}", SLOT + ("kdf", _part), JUNK[_name])
for _value in (0, -1, 999, 1.5, 10 ** 30):
    json_set("refused", KEY, f"kdf-iterations-{_value}", SLOT + ("kdf", "iterations"), _value)
for _value in ("!!!!", "AAAA", "A" * 4000, "=", "QUJD\nQUJD"):
    json_set("refused", KEY, f"kdf-salt-{_value[:4]}-{len(_value)}", SLOT + ("kdf", "salt"), _value)


def argon(name, **changes):
    @luks2("refused", "memory|" + KEY, name="json-kdf-argon2id-" + name)
    def change(data, header):
        kdf = {"type": "argon2id", "time": 4, "memory": 32, "cpus": 1,
               "salt": header.json["keyslots"]["0"]["kdf"]["salt"], **changes}
        header.json["keyslots"]["0"]["kdf"] = {k: v for k, v in kdf.items() if v is not KeyError}


argon("wrong-key")
for _part in ("time", "memory", "cpus"):
    argon("no-" + _part, **{_part: KeyError})
    for _value in (0, -1, "x", 2 ** 31, 2 ** 32, 10 ** 30):
        if (_part, _value) not in (("time", 2 ** 31), ):  # an honest, endless calculation
            argon(f"{_part}-{_value}", **{_part: _value})

for _part in ("type", "hash", "stripes"):
    json_set("refused", KEY, f"af-no-{_part}", SLOT + ("af", _part), KeyError)
    for _name in ("null", "array", "empty"):
        json_set("refused", KEY, f"af-{_part}-{_name}", SLOT + ("af", _part), JUNK[_name])
# libcryptsetup checks that there is a number, and takes 4000.
for _value in (0, -1, 1, 3999, 4001, 2 ** 31, 2 ** 32, 10 ** 30):
    json_set("either", KEY, f"af-stripes-{_value}", SLOT + ("af", "stripes"), _value)
for _part in ("type", "offset", "size", "encryption", "key_size"):
    json_set("refused", KEY, f"area-no-{_part}", SLOT + ("area", _part), KeyError)
    for _name in ("null", "array", "empty", "object"):
        json_set("refused", KEY, f"area-{_part}-{_name}", SLOT + ("area", _part), JUNK[_name])
for _value in ("0", "4096", "16384", "28672", "1", "9223372036854771712", "18446744073709547520", "-4096"):
    json_set("refused", PLACE, f"area-offset-{_value}", SLOT + ("area", "offset"), _value)
# A keyslot has the size of its key's stripes, whatever is said to be reserved for it.
for _value in ("0", "1", "4096", "100000000", "18446744073709547520", "-4096"):
    json_set("either" if _value in ("1", "4096") else "refused", PLACE, f"area-size-{_value}", SLOT + ("area", "size"), _value)
json_set("refused", CIPHER, "area-encryption-unknown", SLOT + ("area", "encryption"), "nosuch-xts-plain64")
json_set("refused", KEY, "area-key-size-huge", SLOT + ("area", "key_size"), 2 ** 31 - 1)


@luks2("refused", PLACE)
def json_area_in_the_payload(data, header):
    header.json["keyslots"]["0"]["area"]["offset"] = header.json["segments"]["0"]["offset"]


@luks2("refused", KEY)
def json_areas_overlap(data, header):
    header.json["keyslots"]["1"] = header.json["keyslots"]["0"]
    header.json["digests"]["0"]["keyslots"].append("1")


# Without a whole digest every passphrase would make a key, and a volume of garbage.
for _part in ("type", "keyslots", "segments", "salt", "digest", "hash", "iterations"):
    json_set("refused", KEY, f"digest-no-{_part}", DIGEST + (_part,), KeyError)
    for _name in ("null", "empty", "number", "object"):
        json_set("refused", KEY, f"digest-{_part}-{_name}", DIGEST + (_part,),
                 0 if (_part, _name) == ("iterations", "number") else JUNK[_name])
for _name, _value in {"none": [], "missing": ["9"], "junk": ["x"], "numbers": [0], "negative": ["-1"]
                      }.items():
    json_set("refused", KEY, f"digest-keyslots-{_name}", DIGEST + ("keyslots",), _value)
    json_set("refused", KEY, f"digest-segments-{_name}", DIGEST + ("segments",), _value)
json_set("refused", KEY, "digest-of-other-key", DIGEST + ("digest",), "A" * 43 + "=")
json_set("refused", KEY, "digest-not-base64", DIGEST + ("digest",), "****")


@luks2("refused", NEVER)
def json_requirement_unknown(data, header):
    header.json["config"]["requirements"] = {"mandatory": ["nosuch-v9"]}


@luks2("refused", NEVER)
def json_requirements_junk(data, header):
    header.json["config"]["requirements"] = {"mandatory": [7]}


@luks2("opens")
def json_token_unknown(data, header):
    header.json["tokens"]["0"] = {"type": "nosuch", "keyslots": ["0"], "x": [1, {"y": None}]}


@luks2("refused", NEVER)
def json_token_of_no_keyslot(data, header):
    header.json["tokens"]["0"] = {"type": "nosuch", "keyslots": ["7"]}


@luks2("either")
def json_extra_members(data, header):
    header.json["nosuch"] = {"deep": [[[[1]]]]}
    header.json["segments"]["0"]["nosuch"] = 1


@luks2("refused", KEY, name="raw-material-flipped")
def luks2_material_flipped(data, header):
    data[int(header.json["keyslots"]["0"]["area"]["offset"]) + 100] ^= 1


# --- Cut off

def truncations(version):
    """Every sector in what has a structure, a step every 61 sectors (prime, so that it drifts
    through 4 KiB blocks) inside the keyslots' uniform material; around each boundary; odd sizes."""
    mib = 1 << 20
    if version == 1:
        cuts = set(range(0, 5120, 512)) | {207, 591, 592, 593} | set(range(4096, mib * 2, 61 * 512))
        boundaries = (4096, 4096 + 256000, 2 * mib)
    else:
        cuts = set(range(0, 33280, 512)) | {1, 100, 4095, 4097} | set(range(32768, mib, 61 * 512))
        boundaries = (4096, 16384, 20480, 32768, 32768 + 258048, mib)
    for boundary in boundaries:
        cuts |= {boundary - 512, boundary - 1, boundary, boundary + 1, boundary + 511}
    return sorted(cut for cut in cuts if cut < boundaries[-1] + 512)


def cut_at(kind, size, outcome):
    @damage(kind, outcome, "size|small|empty|short|" + PLACE, name=f"cut-{size}")
    def cut(data, header):
        del data[size:]
        return False


# Whole up to the payload, but not a sector of it: an empty volume, or none.
for _size in truncations(1):
    cut_at("luks1", _size, "refused" if _size < 2 << 20 else "either")
for _size in truncations(2):
    cut_at("luks2", _size, "refused" if _size < 1 << 20 else "either")


def main():
    if sys.argv[1] == "list":
        for name, (kind, outcome, regex, _) in DAMAGES.items():
            if kind == sys.argv[2] and outcome != "endless":
                print(name, outcome, regex, sep="\t")
        return
    name, good, bad = sys.argv[2:]
    with open(good, "rb") as file:
        data = bytearray(file.read())
    header = luks.header_read(data)
    if DAMAGES[name][3](data, header) is not False:
        header.write(data)
    with open(bad, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
