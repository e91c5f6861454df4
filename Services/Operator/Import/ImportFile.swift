import CSV
import Foundation
import HTTP
import Runtime
import Security
import ServiceKit
import Synchronization

/// A CSV file that is looked through once before it is sent.
struct ImportFile: Sendable {
    let path: String
    let bytes: Int
    /// Rows below the header, those that cannot be read too.
    let rows: Int
    /// Names the content: the same file is the same import.
    let digest: String

    private static let chunk = 1 << 20

    /// Reads the whole file, on the pool for blocking work.
    ///
    /// - Throws: ``ServiceKit/CommandFailure`` when it cannot be a file of rows.
    static func examined(_ path: String, options: CSVOptions) async throws -> ImportFile {
        try await Blocking.run {
            let handle = try open(path)
            defer { try? handle.close() }
            let reader = CSVReader(options: options)
            var (bytes, rows, digest) = (0, 0, [UInt8]())
            do {
                while let data = try handle.read(upToCount: chunk), !data.isEmpty {
                    let part = [UInt8](data)
                    bytes += part.count
                    digest = Digest.sha256(digest + part).bytes
                    rows += try reader.read(part).count
                }
                rows += try reader.finish().count
            } catch let error as CSVError {
                throw CommandFailure("\(path): \(error)")
            }
            return ImportFile(path: path, bytes: bytes, rows: rows, digest: Digest.sha256(digest).hex)
        }
    }

    /// The file as a request's body; `sent` hears how many bytes are on their way.
    func body(sent: @escaping @Sendable (Int) -> Void) throws -> HTTPBody {
        let handle = try Self.open(path)
        let total = Mutex(0)
        return .stream(length: bytes) {
            let data = try await Blocking.run { try handle.read(upToCount: Self.chunk) }
            guard let data, !data.isEmpty else { return nil }
            sent(
                total.withLock { total in
                    total += data.count
                    return total
                })
            return [UInt8](data)
        }
    }

    private static func open(_ path: String) throws(CommandFailure) -> FileHandle {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure("\(path) cannot be read: check the path and your permission")
        }
        return handle
    }
}
