import CSV
import Foundation
import HTTP
import JSON
import ServiceKit

/// Writes what became of each row: a CSV file that spreadsheets open, complete or not there at all.
struct ImportResults {
    private let path: String
    private var temporary: String { path + ".part" }
    private let handle: FileHandle
    private var writer: CSVWriter
    private(set) var refusals: [String] = []

    /// Refusals that are shown besides.
    private static let shown = 10

    /// - Throws: ``ServiceKit/CommandFailure`` when the file cannot be made.
    init(_ path: String) throws(CommandFailure) {
        self.path = path
        writer = CSVWriter(header: ["line", "status", "id", "code", "message"], byteOrderMark: true)
        let temporary = path + ".part"
        guard FileManager.default.createFile(atPath: temporary, contents: nil),
            let handle = FileHandle(forWritingAtPath: temporary)
        else { throw CommandFailure("\(path) cannot be written: choose another file with --results") }
        self.handle = handle
    }

    /// - Parameter problem: why the row was refused, else null.
    mutating func add(line: Int64, status: String, id: String?, problem: JSON) throws {
        var (code, message) = ("", "")
        if !problem.isNull {
            code = problem["code"]?.string ?? ""
            message = APIRefusal(.unprocessableContent, problem.without("requestId")).description
            if refusals.count < Self.shown { refusals.append("line \(line): \(message)") }
        }
        writer.append(["\(line)", status, id ?? "", code, message])
        if writer.bytes.count > 1 << 20 { try handle.write(contentsOf: Data(writer.take())) }
    }

    /// Leaves what there is under the temporary name, for who wants to know how far it came.
    mutating func abandon() throws {
        try handle.write(contentsOf: Data(writer.take()))
        try handle.close()
    }

    /// Puts the finished file in its place.
    mutating func finish() throws {
        try handle.write(contentsOf: Data(writer.take()))
        try handle.close()
        guard rename(temporary, path) == 0 else {
            throw CommandFailure("\(path) cannot be written: what it was to hold is in \(temporary)")
        }
    }
}

extension JSON {
    fileprivate func without(_ member: String) -> JSON {
        var object = object ?? [:]
        object[member] = nil
        return .object(object)
    }
}
