# SPDX-License-Identifier: MIT
"""What dm-crypt makes of a sector, written down from drivers/md/dm-crypt.c, so that tests have
something to compare with that shares no code with platterfs. The block ciphers are libgcrypt's.
"""
import ctypes
import hashlib

ECB, CBC, XTS = 1, 3, 13

GCRYPT = ctypes.CDLL("libgcrypt.so.20")
GCRYPT.gcry_check_version.restype = ctypes.c_char_p
GCRYPT.gcry_check_version(None)
HANDLE = ctypes.c_void_p
for _name, _arguments in {
        "gcry_cipher_open": [ctypes.POINTER(HANDLE), ctypes.c_int, ctypes.c_int, ctypes.c_uint],
        "gcry_cipher_setkey": [HANDLE, ctypes.c_char_p, ctypes.c_size_t],
        "gcry_cipher_setiv": [HANDLE, ctypes.c_char_p, ctypes.c_size_t],
        "gcry_cipher_encrypt": [HANDLE, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                ctypes.c_size_t],
        "gcry_cipher_decrypt": [HANDLE, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                ctypes.c_size_t],
        "gcry_cipher_close": [HANDLE]}.items():
    getattr(GCRYPT, _name).argtypes = _arguments


class Unsupported(Exception):
    pass


def gcrypt_name(algorithm, key_bytes):
    bits = key_bytes * 8
    return {"aes": f"AES{bits}", "serpent": f"SERPENT{bits}", "camellia": f"CAMELLIA{bits}",
            "twofish": "TWOFISH" if bits == 256 else f"TWOFISH{bits}"}.get(algorithm, "?")


class Cipher:
    def __init__(self, algorithm, mode, key):
        name = gcrypt_name(algorithm, len(key) // 2 if mode == XTS else len(key))
        number = GCRYPT.gcry_cipher_map_name(name.encode())
        self.handle = HANDLE()
        self.mode = mode
        if not number or GCRYPT.gcry_cipher_open(ctypes.byref(self.handle), number, mode, 0):
            raise Unsupported(name)
        if GCRYPT.gcry_cipher_setkey(self.handle, bytes(key), len(key)):
            raise Unsupported(f"{name} with this key")

    def crypt(self, encrypt, data, iv=None):
        out = ctypes.create_string_buffer(len(data))
        if self.mode != ECB and GCRYPT.gcry_cipher_setiv(self.handle, iv, len(iv)):
            raise Unsupported("this IV")
        work = GCRYPT.gcry_cipher_encrypt if encrypt else GCRYPT.gcry_cipher_decrypt
        if work(self.handle, out, len(data), bytes(data), len(data)):
            raise Unsupported("this length")
        return out.raw


def iv_maker(text, algorithm, key, sector_size):
    """The function from a sector number to the IV. `text` is the third part of a cipher spec."""
    name, _, option = text.partition(":")
    if name == "essiv":
        essiv = Cipher(algorithm, ECB, hashlib.new(option, key).digest())
        return lambda sector: essiv.crypt(True, sector.to_bytes(16, "little"))
    if name == "eboiv":
        eboiv = Cipher(algorithm, ECB, key)
        return lambda sector: eboiv.crypt(True, (sector * sector_size).to_bytes(16, "little"))
    return {
        "plain": lambda sector: (sector & 0xffffffff).to_bytes(16, "little"),
        "plain64": lambda sector: sector.to_bytes(16, "little"),
        "plain64be": lambda sector: sector.to_bytes(16, "big"),
        "benbi": lambda sector: ((sector << 5) + 1 & 0xffffffffffffffff).to_bytes(16, "big"),
        "null": lambda sector: bytes(16),
        "": lambda sector: None,
    }[name]


class DmCrypt:
    """A dm-crypt table's parameters; sectors are counted from the start of the payload."""

    def __init__(self, spec, key, sector_size=512, iv_offset=0, iv_large_sectors=False):
        cipher, _, rest = spec.partition("-")
        mode, _, iv = (rest or "cbc-plain").partition("-")
        algorithm, _, count = cipher.partition(":")
        self.sector_size = sector_size
        self.iv_offset = iv_offset
        self.shift = sector_size.bit_length() - 10 if iv_large_sectors else 0
        modes = {"ecb": ECB, "cbc": CBC, "xts": XTS}
        part = len(key) // int(count or 1)
        self.ciphers = [Cipher(algorithm, modes[mode], key[at:at + part])
                        for at in range(0, len(key), part)]
        self.iv = iv_maker(iv, algorithm, key[:part], sector_size)

    def crypt(self, encrypt, data, offset):
        """Whole sectors of the payload, from byte `offset` on."""
        assert offset % self.sector_size == 0 and len(data) % self.sector_size == 0
        out = []
        for at in range(0, len(data), self.sector_size):
            sector = (offset + at) // 512 + self.iv_offset
            cipher = self.ciphers[sector & len(self.ciphers) - 1]
            out.append(cipher.crypt(encrypt, data[at:at + self.sector_size],
                                    self.iv(sector >> self.shift)))
        return b"".join(out)


def hash_of(name, data):
    if name == "whirlpool":
        raise Unsupported(name)
    return hashlib.new(name, data).digest()


def plain_key(name, size, passphrase):
    """cryptsetup's lib/crypt_plain.c: how a passphrase becomes the key of a plain volume."""
    name, _, limit = name.partition(":")
    length = min(int(limit), size) if limit else size
    if name == "plain":
        return passphrase[:length].ljust(size, b"\0")
    key, rounds = b"", 0
    while len(key) < length:
        key += hash_of(name, b"A" * rounds + passphrase)
        rounds += 1
    return key[:length].ljust(size, b"\0")
