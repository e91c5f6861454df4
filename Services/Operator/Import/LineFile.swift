import Foundation
import Runtime
import Security
import ServiceKit

/// A file of lines, read as it is needed: however long it is, what is in memory is a batch.
struct LineFile: Sendable {
    /// A line that holds something.
    struct Line: Sendable, Hashable {
        /// From 1, empty ones counted.
        let number: Int
        let bytes: [UInt8]
    }

    let path: String
    /// How many bytes were read.
    private(set) var position = 0
    private let handle: FileHandle
    private var rest: [UInt8] = []
    private var number = 0
    private var isAtEnd = false
    /// Where in `rest` the next line begins.
    private var start = 0

    private static let chunk = 1 << 20
    /// Bytes after which a batch ends, and of the longest line: the API takes 64 MB at once.
    private static let most = 32 << 20

    init(_ path: String) throws(CommandFailure) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure("\(path) cannot be read: check the path and your permission")
        }
        (self.path, self.handle) = (path, handle)
    }

    /// How long a file is and what names its content, from looking through it once.
    static func examined(_ path: String) async throws -> (bytes: Int, digest: Digest) {
        try await Blocking.run {
            let file = try LineFile(path)
            defer { file.close() }
            var (bytes, digest) = (0, [UInt8]())
            while let data = try file.handle.read(upToCount: chunk), !data.isEmpty {
                bytes += data.count
                digest = Digest.sha256(digest + data).bytes
            }
            return (bytes, Digest.sha256(digest))
        }
    }

    /// The next lines, at most `count`; none at the end.
    mutating func next(_ count: Int) throws -> [Line] {
        var (lines, bytes) = ([Line](), 0)
        while lines.count < count, bytes < Self.most, let line = try nextLine() {
            guard !line.allSatisfy({ [9, 13, 32].contains($0) }) else { continue }
            lines.append(Line(number: number, bytes: Array(line)))
            bytes += line.count
        }
        return lines
    }

    private mutating func nextLine() throws -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let end = rest[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                number += 1
                return rest[start..<end]
            }
            guard !isAtEnd else {
                defer { start = rest.endIndex }
                number += 1
                return start < rest.endIndex ? rest[start...] : nil
            }
            guard rest.count - start <= Self.most else {
                throw CommandFailure("\(path): line \(number + 1) is longer than \(Self.most >> 20) MB")
            }
            rest.removeSubrange(..<start)
            start = 0
            searched = rest.endIndex
            let data = try handle.read(upToCount: Self.chunk) ?? Data()
            isAtEnd = data.isEmpty
            position += data.count
            rest += data
        }
    }

    func close() { try? handle.close() }
}
