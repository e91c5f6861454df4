/// A table for people, its columns aligned by what a terminal shows: Chinese characters take two cells.
public struct Table: Sendable {
    /// Which side of a column is straight.
    public enum Alignment: Sendable { case left, right }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    public init(_ titles: String...) { columns = titles.map { ($0, .left) } }

    public init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    public var isEmpty: Bool { rows.isEmpty }

    /// Adds a row with a text for each column. Line breaks and controls would break the table: they become spaces.
    public mutating func add(_ cells: String...) { add(cells) }

    public mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a cell for each column")
        rows.append(cells.map { String($0.map { $0.isControl ? " " : $0 }) })
    }

    /// The table's text, ending in a line feed.
    public var text: String {
        let widths = columns.indices.map { column in
            rows.reduce(columns[column].title.displayWidth) { max($0, $1[column].displayWidth) }
        }
        return ([columns.map(\.title)] + rows).map { line($0, widths) }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            if index > 0 { line += "  " }
            switch columns[index].alignment {
            case .right: line += String(repeating: " ", count: widths[index] - cell.displayWidth) + cell
            case .left where index == cells.count - 1: line += cell
            case .left: line += cell.padded(to: widths[index])
            }
        }
        return line + "\n"
    }
}

extension Character {
    fileprivate var isControl: Bool {
        unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// The cells that a terminal gives the character (Unicode's East Asian Width, UAX 11).
    fileprivate var displayWidth: Int {
        guard let scalar = unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        if scalar.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
        return Self.wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1B000...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]
}

extension String {
    /// The cells that a terminal gives the text.
    public var displayWidth: Int { utf8.allSatisfy { $0 < 0x80 } ? utf8.count : reduce(0) { $0 + $1.displayWidth } }

    /// The text with spaces behind it up to a width in cells.
    public func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - displayWidth))
    }
}
