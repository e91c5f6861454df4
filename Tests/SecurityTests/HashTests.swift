import Foundation
import Security
import Testing

@Suite struct HashTests {
    @Test func digestsAreTheStandards() {
        // FIPS 180-4 and RFC 4231, test case 2.
        #expect(
            Digest.sha256("abc").hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let mac = Digest.hmacSHA256(key: [UInt8]("Jefe".utf8), [UInt8]("what do ya want for nothing?".utf8))
        #expect(mac.hex == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(Digest.hmacSHA256(key: [], []) != Digest.hmacSHA256(key: [1], []))
    }

    @Test func bytesThatComePieceByPieceHaveTheSameDigest() {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let stream = DigestStream()
        for start in stride(from: 0, to: bytes.count, by: 777) {
            stream.update(Array(bytes[start..<min(bytes.count, start + 777)]))
        }
        #expect(stream.finish() == Digest.sha256(bytes))
        #expect(DigestStream().finish() == Digest.sha256([UInt8]()))
    }

    @Test func base64URLHasOneSpelling() {
        for length in 0..<70 {
            let bytes = SecureRandom.bytes(length)
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes)
            #expect(
                text
                    == Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                    .replacing("=", with: ""))
        }
        // Padding, the other alphabet, white space, left-over bits, an impossible length.
        for wrong in ["QQ==", "+A", "/A", "Q Q", "QR", "Q", "QUJ", "é"] { #expect(Base64URL.decode(wrong) == nil) }
    }

    @Test func constantTimeComparisonCompares() {
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
        #expect(SecureRandom.token() != SecureRandom.token())
        #expect(SecureRandom.token().utf8.count == 43)
    }

    @Test func passwordsMatchTheirHashOnly() throws {
        let hash = try PasswordHash(of: "正确 horse", cost: .light)
        let stored = try #require(PasswordHash("\(hash)"))
        #expect(stored == hash)
        #expect(try stored.matches("正确 horse"))
        #expect(try !stored.matches("正确 horse "))
        #expect(try PasswordHash(of: "正确 horse", cost: .light) != hash)
        #expect(try !PasswordHash.check("anything", against: nil))
    }

    @Test func storedHashesAreCheckedBeforeTheyCostAnything() {
        let tail = "AAAAAAAAAAAAAAAAAAAAAA$" + Base64URL.encode([UInt8](repeating: 0, count: 32))
        #expect(PasswordHash("$scrypt$ln=15,r=8,p=1$" + tail) != nil)
        for cost in ["ln=30,r=8,p=1", "ln=9,r=8,p=1", "ln=15,r=8", "ln=15,r=99,p=1", "ln=15,p=1,r=8", "ln=x,r=8,p=1"] {
            #expect(PasswordHash("$scrypt$\(cost)$" + tail) == nil)
        }
        #expect(PasswordHash("$2b$12$whatever") == nil)
        #expect(PasswordHash("") == nil)
    }

    /// RFC 7914 §12, third vector, cut to the 32 bytes that are kept here.
    @Test func scryptIsTheStandards() throws {
        let salt = Base64URL.encode([UInt8]("SodiumChloride".utf8))
        let key: [UInt8] = [
            0x70, 0x23, 0xBD, 0xCB, 0x3A, 0xFD, 0x73, 0x48, 0x46, 0x1C, 0x06, 0xCD, 0x81, 0xFD, 0x38, 0xEB, 0xFD,
            0xA8, 0xFB, 0xBA, 0x90, 0x4F, 0x8E, 0x3E, 0xA9, 0xB5, 0x43, 0xF6, 0x54, 0x5D, 0xA1, 0xF2,
        ]
        let stored = try #require(PasswordHash("$scrypt$ln=14,r=8,p=1$\(salt)$\(Base64URL.encode(key))"))
        #expect(try stored.matches("pleaseletmein"))
    }
}
