/// A file of SQL statements, cut at its semicolons.
///
/// Knows strings, quoted names, dollar quotes and comments, because the extended protocol takes one statement at a
/// time.
public struct SQLScript: Sendable {
    public let statements: [SQL]

    public init(_ text: String) {
        var cutter = Cutter(Array(text.utf8))
        statements = cutter.statements().map { SQL(raw: $0).unprepared() }
    }
}

private struct Cutter {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func statements() -> [String] {
        var found: [String] = []
        var start = 0
        var isEmpty = true
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: ";") {
                if !isEmpty { found.append(text(start..<position)) }
                position += 1
                start = position
                isEmpty = true
            } else if !skipComment() {
                if !isSpace(bytes[position]) { isEmpty = false }
                skipQuoted()
            }
        }
        if !isEmpty { found.append(text(start..<bytes.count)) }
        return found
    }

    private func text(_ range: Range<Int>) -> String {
        let trimmed = bytes[range].drop(while: isSpace)
        return String(decoding: trimmed, as: UTF8.self)
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

    private func starts(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[position...].starts(with: $0) }
    }

    /// Moves to the end of the next `text`, or of the file.
    private mutating func skip(past text: some Collection<UInt8>) {
        while position < bytes.count, !bytes[position...].starts(with: text) { position += 1 }
        position = min(position + text.count, bytes.count)
    }

    private mutating func skipComment() -> Bool {
        if starts("--") {
            skip(past: [UInt8(ascii: "\n")])
            return true
        }
        guard starts("/*") else { return false }
        var depth = 0
        repeat {
            if starts("/*") {
                depth += 1
                position += 2
            } else if starts("*/") {
                depth -= 1
                position += 2
            } else {
                position += 1
            }
        } while depth > 0 && position < bytes.count
        return true
    }

    /// Moves past a quoted text, or one byte of anything else.
    private mutating func skipQuoted() {
        let byte = bytes[position]
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
            let hasEscapes =
                byte == UInt8(ascii: "'") && position > 0 && bytes[position - 1] | 0x20 == UInt8(ascii: "e")
                && (position == 1 || !isWord(bytes[position - 2]))
            position += 1
            while position < bytes.count, bytes[position] != byte {
                position += hasEscapes && bytes[position] == UInt8(ascii: "\\") ? 2 : 1
            }
            position += 1
        } else if let tag = dollarTag() {
            position += tag.count
            skip(past: tag)
        } else {
            position += 1
        }
    }

    /// `$$` or `$name$` at the current position.
    private func dollarTag() -> [UInt8]? {
        guard bytes[position] == UInt8(ascii: "$"), position == 0 || !isWord(bytes[position - 1]) else { return nil }
        let name = bytes[(position + 1)...].prefix(while: isWord)
        guard name.endIndex < bytes.count, bytes[name.endIndex] == UInt8(ascii: "$"),
            name.first.map({ !(48...57).contains($0) }) ?? true
        else { return nil }
        return Array(bytes[position...name.endIndex])
    }

    private func isWord(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (97...122).contains(byte | 0x20) || byte == 95 || byte >= 128
    }
}
