import CCSV

/// What a file may contain at most, and how it is written.
public struct CSVOptions: Sendable {
    public var encoding = CSVEncoding.detect
    /// Separator, an ASCII character.
    public var delimiter: Character = ","
    /// Columns of the header.
    public var maximumColumns = 300
    /// Bytes of one field, in UTF-8.
    public var maximumFieldSize = 65_536
    /// Bytes of one row, all its lines together, in UTF-8.
    public var maximumRowSize = 1_048_576

    public init() {}
}

/// A row that can be used: as many fields as the header has columns.
public struct CSVRow: Sendable, Hashable {
    /// The line of the file on which the row begins, from 1.
    public let line: Int
    public let fields: [String]
}

/// A row that cannot be used; the rows after it are read on.
public struct CSVFault: Sendable, Hashable, Error, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// A quote inside an unquoted field, text behind a closing quote, or a quote never closed.
        case quoting
        case columns(expected: Int, found: Int)
        case fieldTooLarge(column: Int, limit: Int)
        case rowTooLarge(limit: Int)
        case nul
        /// Bytes that are not text of the encoding.
        case encoding(String)
    }

    public let line: Int
    public let kind: Kind

    public init(line: Int, kind: Kind) {
        self.line = line
        self.kind = kind
    }

    /// Says what to change, in English.
    public var description: String {
        let what =
            switch kind {
            case .quoting: "the quotes do not match; write a quote inside a field twice and quote the whole field"
            case .columns(let expected, let found): "\(found) columns, but the header has \(expected)"
            case .fieldTooLarge(let column, let limit): "column \(column) is larger than \(limit) bytes"
            case .rowTooLarge(let limit): "the row is larger than \(limit) bytes; a closing quote may be missing"
            case .nul: "contains a NUL byte; save the file as text (CSV UTF-8)"
            case .encoding(let name): "contains bytes that are not \(name); declare the file's encoding"
            }
        return "line \(line): \(what)"
    }

    /// Stable code for machines.
    public var code: String {
        switch kind {
        case .quoting: "csv_quoting"
        case .columns: "csv_columns"
        case .fieldTooLarge: "csv_field_too_large"
        case .rowTooLarge: "csv_row_too_large"
        case .nul: "csv_nul"
        case .encoding: "csv_encoding"
        }
    }
}

/// Why a file cannot be read at all.
public enum CSVError: Error, Sendable, Hashable, CustomStringConvertible {
    case empty
    case tooManyColumns(found: Int, limit: Int)
    case unnamedColumn(Int)
    case duplicateColumn(String)
    case brokenHeader(CSVFault)

    public var description: String {
        switch self {
        case .empty: "the file is empty; its first line must name the columns"
        case .tooManyColumns(let found, let limit): "the header has \(found) columns; at most \(limit) are allowed"
        case .unnamedColumn(let column): "column \(column) of the header has no name"
        case .duplicateColumn(let name): "the header names \"\(name)\" twice"
        case .brokenHeader(let fault): "the header cannot be read: \(fault)"
        }
    }
}

/// Reads a CSV file chunk by chunk: strict quoting (RFC 4180), a header, and a result for every row.
///
/// A broken row never stops the file: it comes out as a fault with its line, and reading goes on with the line after
/// the one on which the row began. Memory is bounded by `CSVOptions.maximumRowSize` plus one chunk. Not for use by
/// two tasks at once, which the compiler enforces: it is not `Sendable`.
public final class CSVReader {
    public typealias Record = Result<CSVRow, CSVFault>

    /// Names of the columns, without surrounding space; empty until the first line was read.
    public private(set) var header: [String] = []

    private let options: CSVOptions
    private var decoder: CSVDecoder
    private var machine: CSVMachine
    /// UTF-8 not yet fed: the start of a line whose end has not arrived.
    private var partial: [UInt8] = []
    /// Bytes of `partial` known to hold no line end, so that tiny chunks do not make long lines quadratic.
    private var scanned = 0
    private var records: [Record] = []

    public init(options: CSVOptions = CSVOptions()) {
        self.options = options
        decoder = CSVDecoder(options.encoding)
        machine = CSVMachine(delimiter: options.delimiter.asciiValue ?? 0x2C, fieldLimit: options.maximumFieldSize)
    }

    /// Takes the next bytes of the file.
    ///
    /// - Returns: the rows that became complete, in order.
    /// - Throws: `CSVError` when the header makes the whole file unusable.
    public func read(_ chunk: [UInt8]) throws(CSVError) -> [Record] {
        try consume(decoder.decode(chunk, last: false), last: false)
        return takeRecords()
    }

    /// Takes the end of the file: the last row may lack its line end.
    public func finish() throws(CSVError) -> [Record] {
        try consume(decoder.decode([], last: true), last: true)
        if header.isEmpty { throw CSVError.empty }
        return takeRecords()
    }

    /// Index of a column by its name, without regard to case.
    public func column(_ name: String) -> Int? {
        let wanted = name.lowercased()
        return header.firstIndex { $0.lowercased() == wanted }
    }

    private func takeRecords() -> [Record] {
        defer { records = [] }
        return records
    }

    private func consume(_ bytes: [UInt8], last: Bool) throws(CSVError) {
        partial += bytes
        var start = 0
        while let end = lineEnd(from: start, last: last) {
            try feed(Array(partial[start..<end]))
            start = end
        }
        partial.removeFirst(start)
        scanned = max(0, partial.count - 1)
        while machine.isInsideRow, machine.rowBytes.count + partial.count > options.maximumRowSize {
            try reportAndRetry(.rowTooLarge(limit: options.maximumRowSize))
        }
        if partial.count > options.maximumRowSize { try overflow() }
        guard last else { return }
        if !partial.isEmpty { try feed(partial + [0x0A]) }
        partial = []
        // Each turn gives up one line of an open quote, so this ends.
        while machine.isInsideRow { try reportAndRetry(.quoting) }
    }

    /// One past the line's end (LF, CR LF or CR); nil when it has not arrived.
    private func lineEnd(from start: Int, last: Bool) -> Int? {
        var index = start + (start == 0 ? scanned : 0)
        while index < partial.count {
            if partial[index] == 0x0A { return index + 1 }
            if partial[index] == 0x0D {
                guard index + 1 < partial.count else { return last ? index + 1 : nil }
                return partial[index + 1] == 0x0A ? index + 2 : index + 1
            }
            index += 1
        }
        return nil
    }

    private func feed(_ line: [UInt8]) throws(CSVError) {
        if !machine.isSkipping, machine.rowBytes.count + line.count > options.maximumRowSize {
            machine.append(line)
            return try reportAndRetry(.rowTooLarge(limit: options.maximumRowSize))
        }
        switch machine.feed(line) {
        case .more: break
        case .row(let row): try accept(row)
        case .broken: try reportAndRetry(.quoting)
        }
    }

    /// A single line that is larger than a row may be: reported once, then skipped to its end.
    private func overflow() throws(CSVError) {
        partial = []
        scanned = 0
        guard machine.skipToLineEnd() else { return }
        try emit(.failure(CSVFault(line: machine.line, kind: .rowTooLarge(limit: options.maximumRowSize))))
    }

    /// Reports the row that began at the machine's line and reads on with the line after it.
    private func reportAndRetry(_ kind: CSVFault.Kind) throws(CSVError) {
        try emit(.failure(CSVFault(line: machine.line, kind: kind)))
        for line in machine.abandonFirstLine() { try feed(line) }
    }

    private func accept(_ row: CSVMachine.Row) throws(CSVError) {
        if let fault = row.fault {
            let kind: CSVFault.Kind =
                switch fault {
                case .nul: .nul
                case .encoding: .encoding(decoder.name)
                case .tooLarge(let column): .fieldTooLarge(column: column, limit: options.maximumFieldSize)
                }
            return try emit(.failure(CSVFault(line: row.line, kind: kind)))
        }
        if header.isEmpty { return try acceptHeader(row) }
        guard row.count == header.count else {
            let kind = CSVFault.Kind.columns(expected: header.count, found: row.count)
            return try emit(.failure(CSVFault(line: row.line, kind: kind)))
        }
        try emit(.success(CSVRow(line: row.line, fields: row.fields)))
    }

    private func acceptHeader(_ row: CSVMachine.Row) throws(CSVError) {
        guard row.count <= options.maximumColumns else {
            throw .tooManyColumns(found: row.count, limit: options.maximumColumns)
        }
        let names = row.fields.map { field in String(field.trimmingPrefix(while: \.isWhitespace)).trimmingEnd }
        var seen: Set<String> = []
        for (index, name) in names.enumerated() {
            if name.isEmpty { throw .unnamedColumn(index + 1) }
            if !seen.insert(name.lowercased()).inserted { throw .duplicateColumn(name) }
        }
        header = names
        machine.maximumColumns = names.count
    }

    private func emit(_ record: Record) throws(CSVError) {
        if header.isEmpty, case .failure(let fault) = record { throw .brokenHeader(fault) }
        records.append(record)
    }
}

extension String {
    fileprivate var trimmingEnd: String {
        var text = self
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
