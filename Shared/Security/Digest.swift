import COpenSSL

/// A SHA-256 digest: 32 bytes held in line, cheap to hash and to compare.
public struct Digest: Hashable, Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        func word(_ index: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
        words = (word(0), word(1), word(2), word(3))
    }

    /// Looked up once: OpenSSL's `SHA256()` asks its providers each time, which takes longer than a token's digest.
    nonisolated(unsafe) private static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)
    // unsafe: OpenSSL shares fetched algorithms between threads, and this one is never freed.

    /// `EVP_Digest()` of OpenSSL.
    public static func sha256(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { sha256($0) } }

    /// SHA-256 of the text's UTF-8 bytes.
    public static func sha256(_ text: String) -> Digest {
        var text = text
        return text.withUTF8 { sha256(UnsafeRawBufferPointer($0)) }
    }

    private static func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { output in
            let done = EVP_Digest(bytes.baseAddress, bytes.count, output.baseAddress, nil, algorithm, nil)
            precondition(done == 1, "SHA-256 takes any bytes")
            return Digest(UnsafeRawBufferPointer(output))
        }
    }

    /// HMAC-SHA-256, `HMAC()` of OpenSSL. Compare authenticators with ``constantTimeEquals(_:_:)``.
    public static func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> Digest {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { output in
            var length: UInt32 = 32
            _ = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, output.baseAddress, &length)
            return Digest(UnsafeRawBufferPointer(output))
        }
    }

    public var bytes: [UInt8] { withUnsafeBytes(of: words) { [UInt8]($0) } }

    /// Lower-case hexadecimal text.
    public var hex: String {
        let digits = [UInt8]("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    public static func == (left: Digest, right: Digest) -> Bool {
        // No early exit, so that comparing authenticators tells nothing by its duration.
        (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
            | (left.words.3 ^ right.words.3) == 0
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// The SHA-256 of bytes that come piece by piece (`EVP_DigestUpdate()` of OpenSSL).
public final class DigestStream {
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("there is no memory for a digest")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public func update(_ bytes: [UInt8]) {
        precondition(EVP_DigestUpdate(context, bytes, bytes.count) == 1, "SHA-256 takes any bytes")
    }

    /// The digest of all that came; nothing can follow.
    public func finish() -> Digest {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { output in
            precondition(EVP_DigestFinal_ex(context, output.baseAddress, nil) == 1, "a digest is finished once")
            return Digest(UnsafeRawBufferPointer(output))
        }
    }
}

/// Compares secrets in a time that depends on their length only (`CRYPTO_memcmp`).
public func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}

/// Random bytes fit for keys and tokens.
public enum SecureRandom {
    /// `RAND_bytes` of OpenSSL. It fails only when the operating system has no randomness to give; going on
    /// without would be worse than stopping.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "the system gives no random bytes")
            initialized = count
        }
    }

    /// An unguessable text of `bytes` random bytes (default 32, that is 256 bits) in base64url.
    public static func token(bytes count: Int = 32) -> String { Base64URL.encode(bytes(count)) }
}
