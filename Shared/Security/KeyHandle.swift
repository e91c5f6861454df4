import CCJose
import Foundation
import Synchronization

/// Owns one `cjose_jwk_t`. cjose promises nothing about threads, so every use takes the lock; tokens are cached,
/// which keeps it out of the path of a normal request.
final class KeyHandle: Sendable {
    private struct Key: ~Copyable {
        let pointer: OpaquePointer
        deinit { cjose_jwk_release(pointer) }
    }

    private let key: Mutex<Key>

    /// A new P-256 key pair, `cjose_jwk_create_EC_random`.
    init() throws(SecurityError) {
        var error = cjose_err()
        guard let pointer = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error) else {
            throw .cryptography(error.text)
        }
        key = Mutex(Key(pointer: pointer))
    }

    /// `cjose_jwk_import`: the text of one JSON Web Key.
    init(jwk: [UInt8]) throws(SecurityError) {
        var error = cjose_err()
        let imported = jwk.withUnsafeBytes { bytes in
            cjose_jwk_import(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &error)
        }
        guard let imported else { throw .invalidKey(error.text) }
        key = Mutex(Key(pointer: imported))
    }

    /// `cjose_jwk_to_json`, with the private part or without.
    func json(includingPrivate: Bool) throws(SecurityError) -> [UInt8] {
        try key.withLock { key throws(SecurityError) in
            var error = cjose_err()
            guard let text = cjose_jwk_to_json(key.pointer, includingPrivate, &error) else {
                throw .cryptography(error.text)
            }
            defer { free(text) }
            return [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
        }
    }

    /// A compact JWS of `payload` with the protected header given, `cjose_jws_sign`.
    func sign(_ payload: [UInt8], header members: [(name: String, value: String)]) throws(SecurityError) -> String {
        try key.withLock { key throws(SecurityError) in
            var error = cjose_err()
            guard let header = cjose_header_new(&error) else { throw .cryptography(error.text) }
            defer { cjose_header_release(header) }
            for (name, value) in members where !cjose_header_set(header, name, value, &error) {
                throw .cryptography(error.text)
            }
            guard let jws = cjose_jws_sign(key.pointer, header, payload, payload.count, &error) else {
                throw .cryptography(error.text)
            }
            defer { cjose_jws_release(jws) }
            var text: UnsafePointer<CChar>?
            guard cjose_jws_export(jws, &text, &error), let text else { throw .cryptography(error.text) }
            return String(cString: text)
        }
    }

    /// The payload of a compact JWS when its signature is this key's, else nil: `cjose_jws_import`, `cjose_jws_verify`.
    /// The caller has checked the algorithm in the header.
    func verifiedPayload(of compact: String) -> [UInt8]? {
        key.withLock { key in
            guard let jws = cjose_jws_import(compact, compact.utf8.count, nil) else { return nil }
            defer { cjose_jws_release(jws) }
            guard cjose_jws_verify(jws, key.pointer, nil) else { return nil }
            var bytes: UnsafeMutablePointer<UInt8>?
            var count = 0
            guard cjose_jws_get_plaintext(jws, &bytes, &count, nil) else { return nil }
            return [UInt8](UnsafeBufferPointer(start: bytes, count: count))
        }
    }
}

extension cjose_err {
    fileprivate var text: String { message.map { String(cString: $0) } ?? "unknown error" }
}
