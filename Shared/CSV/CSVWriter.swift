/// Writes CSV as RFC 4180 and spreadsheets expect it: CR LF, quotes only where needed, UTF-8.
public struct CSVWriter: Sendable {
    /// What has been written; take it away between rows to stream.
    public private(set) var bytes: [UInt8] = []

    /// Whether a field that a spreadsheet would run as a formula gets an apostrophe in front.
    public var guardsFormulas: Bool

    /// - Parameters:
    ///   - byteOrderMark: begin with a mark, without which Excel takes UTF-8 for the local encoding.
    public init(header: [String], byteOrderMark: Bool = false, guardsFormulas: Bool = true) {
        self.guardsFormulas = guardsFormulas
        if byteOrderMark { bytes = [0xEF, 0xBB, 0xBF] }
        append(header)
    }

    public mutating func append(_ fields: [String]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(field: field)
        }
        bytes += [0x0D, 0x0A]
    }

    /// Hands out what was written since the last call.
    public mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    private mutating func append(field: String) {
        let text = guardsFormulas && Self.isFormula(field) ? "'" + field : field
        let special: (UInt8) -> Bool = { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        guard text.utf8.contains(where: special) || text.first == " " || text.last == " " else {
            bytes += text.utf8
            return
        }
        bytes.append(0x22)
        for byte in text.utf8 {
            if byte == 0x22 { bytes.append(0x22) }
            bytes.append(byte)
        }
        bytes.append(0x22)
    }

    /// `=`, `@`, tab and CR begin formulas; `+` and `-` too unless the field is a number or phone.
    private static func isFormula(_ field: String) -> Bool {
        switch field.utf8.first {
        case UInt8(ascii: "="), UInt8(ascii: "@"), 0x09, 0x0D: true
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            !field.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x20 || $0 == 0x2D }
        default: false
        }
    }
}
