import Foundation

/// The header of a file in a tar archive (POSIX ustar).
struct TarEntry: Sendable, Hashable {
    static let block = 512

    let name: String
    let size: Int

    /// The header's block.
    var bytes: [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.block)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        precondition(name.utf8.count < 100, "names of parts are short")
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(Self.octal(size), at: 124)
        put(Self.octal(0), at: 136)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = String(Self.sum(of: block), radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum, at: 148)
        block[155] = UInt8(ascii: " ")
        return block
    }

    init(name: String, size: Int) {
        (self.name, self.size) = (name, size)
    }

    /// Nil when the block is no header of a file.
    init?(_ block: [UInt8]) {
        guard block.count == Self.block, Self.text(block[257..<263]) == "ustar",
            Int(Self.text(block[148..<155]), radix: 8) == Self.sum(of: block),
            let size = Int(Self.text(block[124..<136]), radix: 8)
        else { return nil }
        self.init(name: Self.text(block[0..<100]), size: size)
    }

    /// Zeros that fill the last block of a file of this size.
    static func padding(after size: Int) -> Int { (block - size % block) % block }

    private static func octal(_ number: Int) -> String {
        let digits = String(number, radix: 8)
        return String(repeating: "0", count: 11 - digits.count) + digits
    }

    /// Of all bytes, with those of the sum itself as blanks.
    private static func sum(of block: [UInt8]) -> Int {
        block.indices.reduce(0) { $0 + (148..<156 ~= $1 ? 32 : Int(block[$1])) }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
