import Foundation
import JSON
import Security
import Testing

@Suite struct TokenTests {
    static let now: Int64 = 1_800_000_000
    let key: SigningKey
    let keys: KeySet
    let verifier = TokenVerifier(issuer: "gateway", audience: "leads")

    init() throws {
        key = try SigningKey.generate()
        keys = KeySet([key.publicKey])
    }

    func claims(_ changes: JSONObject = [:]) -> JSON {
        var claims: JSONObject = [
            "iss": "gateway", "sub": "user-1", "aud": "leads", "exp": .int(Self.now + 60), "iat": .int(Self.now),
        ]
        for (name, value) in changes { claims[name] = value == .string("absent") ? nil : value }
        return .object(claims)
    }

    /// A token of any header, its signature being HMAC with `secret` or empty.
    func forged(header: String, secret: [UInt8]? = nil) -> String {
        let signed = Base64URL.encode([UInt8](header.utf8)) + "." + Base64URL.encode(claims().serialize())
        let signature = secret.map { Digest.hmacSHA256(key: $0, [UInt8](signed.utf8)).bytes } ?? []
        return signed + "." + Base64URL.encode(signature)
    }

    func refusal(_ token: String, _ verifier: TokenVerifier? = nil, keys: KeySet? = nil) -> TokenError? {
        do throws(TokenError) {
            _ = try (verifier ?? self.verifier).verify(token, keys: keys ?? self.keys, now: Self.now)
            return nil
        } catch { return error }
    }

    @Test func aSignedTokenVerifies() throws {
        let token = try TokenSigner(key: key).sign(claims(["role": "sales"]))
        let claims = try verifier.verify(token, keys: keys, now: Self.now)
        #expect(claims.subject == "user-1")
        #expect(claims.text("role") == "sales")
        #expect(claims.keyID == key.id)
        #expect(TokenVerifier.keyID(of: token) == key.id)
        // Also by what others know of the key: its JWKS document, which holds nothing private.
        let document = keys.jwks.serialize()
        #expect(!String(decoding: document, as: UTF8.self).contains("\"d\""))
        #expect(refusal(token, keys: try KeySet(jwks: document)) == nil)
    }

    @Test func unsignedAndSymmetricTokensAreRefused() throws {
        for algorithm in ["none", "None", "nOnE", "HS256", "HS512", "ES384", "es256", ""] {
            let header = "{\"alg\":\"\(algorithm)\",\"kid\":\"\(key.id)\",\"typ\":\"JWT\"}"
            #expect(refusal(forged(header: header)) == .algorithmNotAllowed)
        }
        // The classic: HMAC with the published public key as its secret.
        let header = "{\"alg\":\"HS256\",\"kid\":\"\(key.id)\",\"typ\":\"JWT\"}"
        for secret in [key.publicKey.jwk.serialize(), keys.jwks.serialize()] {
            #expect(refusal(forged(header: header, secret: secret)) == .algorithmNotAllowed)
        }
        // An allowed algorithm that is not the key's.
        let both = TokenVerifier(issuer: "gateway", audience: "leads", algorithms: [.es256, .rs256])
        #expect(refusal(forged(header: header.replacing("HS256", with: "RS256")), both) == .algorithmNotAllowed)
    }

    @Test func tamperedTokensAreRefused() throws {
        let token = try TokenSigner(key: key).sign(claims())
        let parts = token.split(separator: ".").map(String.init)
        let otherClaims = Base64URL.encode(claims(["sub": "admin"]).serialize())
        #expect(refusal("\(parts[0]).\(otherClaims).\(parts[2])") == .badSignature)
        let signature = try #require(Base64URL.decode(parts[2]))
        var flipped = signature
        flipped[40] ^= 1
        for wrong in [flipped, Array(signature.dropLast()), [], [UInt8](repeating: 0, count: 64)] {
            #expect(refusal("\(parts[0]).\(parts[1]).\(Base64URL.encode(wrong))") == .badSignature)
        }
        // Another key's signature under this key's id, and a key nobody here knows.
        let other = try SigningKey.generate()
        let foreign = try TokenSigner(key: other).sign(claims())
        #expect(refusal(foreign) == .unknownKey(id: other.id))
        let posing = foreign.split(separator: ".").map(String.init)
        #expect(refusal("\(parts[0]).\(posing[1]).\(posing[2])") == .badSignature)
    }

    @Test func claimsAreChecked() throws {
        let cases: [(JSONObject, TokenError?)] = [
            (["exp": .int(Self.now - 4)], nil), (["exp": .int(Self.now - 5)], .expired),
            (["exp": "absent"], .missingClaim("exp")), (["exp": "tomorrow"], .missingClaim("exp")),
            (["exp": .int(.max)], .missingClaim("exp")), (["exp": .double(1e300)], .missingClaim("exp")),
            (["nbf": .int(Self.now + 5)], nil), (["nbf": .int(Self.now + 6)], .notYetValid),
            (["iss": "absent"], .missingClaim("iss")), (["iss": "elsewhere"], .wrongIssuer),
            (["aud": "customers"], .wrongAudience), (["aud": ["customers", "leads"]], nil),
            (["aud": "absent"], .wrongAudience), (["sub": ""], .missingClaim("sub")),
            (["sub": 7], .missingClaim("sub")),
        ]
        let signer = TokenSigner(key: key)
        for (changes, expected) in cases {
            #expect(refusal(try signer.sign(claims(changes))) == expected, "\(changes)")
        }
        #expect(refusal(try TokenSigner(key: key, type: "refresh+jwt").sign(claims())) == .wrongType)
    }

    @Test func garbageNeverCrashes() throws {
        let token = try TokenSigner(key: key).sign(claims())
        let header = "{\"alg\":\"ES256\",\"kid\":\"\(key.id)\",\"typ\":\"JWT\""
        var texts = ["", ".", "..", "...", "a.b.c", token + "=", token + ".x", " " + token, token.uppercased()]
        texts += [forged(header: "[]"), forged(header: "{\"alg\":{}}"), forged(header: "{\"alg\":\"ES256\"}")]
        texts += [forged(header: header + ",\"crit\":[\"b64\"]}"), forged(header: header + ",\"alg\":\"none\"}")]
        texts += [String(repeating: "A", count: 9_000), "\u{0}.\u{0}.\u{0}", "领.导.好"]
        texts += (0..<token.utf8.count).map { String(token.prefix($0)) }
        for text in texts { #expect(refusal(text) != nil) }
        for document in ["", "[]", "{}", "{\"keys\":{}}"] {
            #expect(throws: SecurityError.self) { try KeySet(jwks: [UInt8](document.utf8)) }
        }
        let strange =
            "{\"keys\":[1,{\"kty\":\"oct\",\"k\":\"AA\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}"
        #expect(try KeySet(jwks: [UInt8](strange.utf8)).isEmpty)
    }

    @Test func keysSurviveTheirText() throws {
        let made = try SigningKey.generate()
        let loaded = try SigningKey(jwk: made.privateJWK())
        #expect(loaded.id == made.id)
        #expect(refusal(try TokenSigner(key: loaded).sign(claims()), keys: KeySet([made.publicKey])) == nil)
        #expect(throws: SecurityError.self) { try SigningKey(jwk: made.publicKey.jwk.serialize()) }
    }
}

@Suite struct TokenCacheTests {
    @Test func remembersUntilExpiryAndWithinBounds() {
        let cache = TokenCache<Int>(capacity: 100)
        for number in 0..<1_000 {
            cache.insert(number, for: .sha256("\(number)"), until: 50, epoch: cache.epoch)
            #expect(cache.value(for: .sha256("\(number)"), now: 49) == number)
            // Used again and again, so never the one that is dropped.
            #expect(number == 0 || cache.value(for: .sha256("0"), now: 0) == 0)
        }
        #expect(cache.count <= 100)
        #expect(cache.value(for: .sha256("999"), now: 50) == nil)
        #expect(cache.value(for: .sha256("1"), now: 0) == nil)
    }

    @Test func revocationAlsoStopsWhatIsBeingVerified() {
        let cache = TokenCache<String>()
        let before = cache.epoch
        cache.insert("wang", for: .sha256("a"), until: 50, epoch: before)
        cache.insert("li", for: .sha256("b"), until: 50, epoch: before)
        cache.revoke { $0 == "wang" }
        cache.insert("wang", for: .sha256("c"), until: 50, epoch: before)
        #expect(cache.value(for: .sha256("a"), now: 0) == nil)
        #expect(cache.value(for: .sha256("b"), now: 0) == "li")
        #expect(cache.value(for: .sha256("c"), now: 0) == nil)
    }
}
