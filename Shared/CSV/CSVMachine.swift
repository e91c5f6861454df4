import CCSV

/// libcsv fed line by line, so that every row knows its line and a broken row can be given up exactly.
struct CSVMachine: ~Copyable {
    enum Outcome {
        /// The row goes on (inside quotes), or the line was blank.
        case more
        case row(Row)
        /// libcsv refused the line in strict mode.
        case broken
    }

    struct Row {
        enum Fault {
            case nul, encoding
            case tooLarge(column: Int)
        }

        var line = 1
        var fields: [String] = []
        /// Fields seen, also those beyond the limit, which are not kept.
        var count = 0
        var fault: Fault?
        fileprivate var isComplete = false
        fileprivate var fieldLimit: Int
        fileprivate var maximumColumns = 10_000
    }

    /// Line on which the current row begins.
    private(set) var line = 1
    /// All bytes of the current row so far.
    private(set) var rowBytes: [UInt8] = []
    /// Fields kept of a row; more are only counted.
    var maximumColumns = 10_000

    private var parser = csv_parser()
    private let delimiter: UInt8
    private let fieldLimit: Int
    /// Lines of the current row so far.
    private var rowLines: [[UInt8]] = []
    private var row: Row
    /// Whether the rest of an overlong line is being ignored.
    private(set) var isSkipping = false

    init(delimiter: UInt8, fieldLimit: Int) {
        self.delimiter = delimiter
        self.fieldLimit = fieldLimit
        row = Row(fieldLimit: fieldLimit)
        open()
    }

    deinit { withUnsafePointer(to: parser) { csv_free(UnsafeMutablePointer(mutating: $0)) } }

    /// Whether a quote is still open.
    var isInsideRow: Bool { !rowLines.isEmpty }

    /// Takes one whole line with its end.
    mutating func feed(_ bytes: [UInt8]) -> Outcome {
        if isSkipping {
            isSkipping = false
            line += 1
            return .more
        }
        append(bytes)
        let parsed = withUnsafeMutablePointer(to: &row) { row in
            csv_parse(&parser, bytes, bytes.count, onField, onRow, row)
        }
        guard parsed == bytes.count else { return .broken }
        guard row.isComplete else {
            // No row and no open quote: a blank line, which RFC 4180 does not know and everybody writes.
            if row.count == 0, bytes.allSatisfy({ $0 == 0x0A || $0 == 0x0D }), rowLines.count == 1 { startRow() }
            return .more
        }
        var finished = row
        finished.line = line
        startRow()
        return .row(finished)
    }

    /// Counts bytes to the current row without parsing them.
    mutating func append(_ bytes: [UInt8]) {
        rowBytes += bytes
        rowLines.append(bytes)
    }

    /// Gives up the first line of the current row.
    ///
    /// - Returns: the lines after it, to be fed again as rows of their own.
    mutating func abandonFirstLine() -> [[UInt8]] {
        let rest = Array(rowLines.dropFirst())
        rowLines = Array(rowLines.prefix(1))
        startRow()
        csv_free(&parser)
        open()
        return rest
    }

    /// Ignores what is left of the line in which the machine stands, at the start of a row.
    ///
    /// - Returns: false when it was being ignored already.
    mutating func skipToLineEnd() -> Bool {
        defer { isSkipping = true }
        return !isSkipping
    }

    private mutating func startRow() {
        line += rowLines.count
        rowLines = []
        rowBytes = []
        row = Row(fieldLimit: fieldLimit)
        row.maximumColumns = maximumColumns
    }

    private mutating func open() {
        // csv_init fails only without a parser.
        _ = csv_init(&parser, UInt8(CSV_STRICT))
        csv_set_delim(&parser, delimiter)
        // libcsv takes spaces off unquoted fields; the file's text is kept as it is.
        csv_set_space_func(&parser) { _ in 0 }
    }
}

/// `cb1`: one field ended. `context` is the `Row` of the running `csv_parse` call, which outlives the callback.
private func onField(_ bytes: UnsafeMutableRawPointer?, _ count: Int, _ context: UnsafeMutableRawPointer?) {
    guard let row = context?.assumingMemoryBound(to: CSVMachine.Row.self) else { return }
    row.pointee.count += 1
    guard row.pointee.count <= row.pointee.maximumColumns else { return }
    guard count <= row.pointee.fieldLimit else {
        row.pointee.fault = row.pointee.fault ?? .tooLarge(column: row.pointee.count)
        return
    }
    let utf8 = UnsafeBufferPointer(start: bytes?.assumingMemoryBound(to: UInt8.self), count: bytes == nil ? 0 : count)
    guard !utf8.contains(0) else {
        row.pointee.fault = row.pointee.fault ?? .nul
        return
    }
    guard let text = String(validating: utf8, as: UTF8.self) else {
        row.pointee.fault = row.pointee.fault ?? .encoding
        return
    }
    row.pointee.fields.append(text)
}

/// `cb2`: the row ended.
private func onRow(_: Int32, _ context: UnsafeMutableRawPointer?) {
    context?.assumingMemoryBound(to: CSVMachine.Row.self).pointee.isComplete = true
}
