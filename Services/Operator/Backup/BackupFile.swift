import Foundation
import JSON
import Runtime
import Security
import ServiceKit
import Synchronization

/// A backup that has been read once and is whole: every part has the rows and the digest that its manifest says.
struct BackupFile: Sendable {
    let manifest: BackupManifest
    private let handle: FileHandle
    /// Where the files of each part lie.
    private let places: [String: [Place]]

    private struct Place: Sendable {
        let offset: Int
        let size: Int
    }

    private static let most = 64 << 20

    /// Reads the whole file, on the pool for blocking work.
    ///
    /// - Throws: ``ServiceKit/CommandFailure`` when it is no backup, damaged or of a later version.
    static func open(_ path: String) async throws -> BackupFile {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure("\(path) cannot be read: check the path and your permission")
        }
        do {
            return try await Blocking.run { try examined(handle) }
        } catch let failure as CommandFailure {
            throw CommandFailure("\(path) is not restored: \(failure)", code: failure.code)
        }
    }

    private static func examined(_ handle: FileHandle) throws -> BackupFile {
        var places: [String: [Place]] = [:]
        var digests: [String: (stream: DigestStream, bytes: Int64)] = [:]
        var (manifest, digest): ([UInt8]?, String?)
        var offset = 0
        while let entry = try entry(at: offset, handle) {
            let content = try read(handle, at: offset + TarEntry.block, entry.size)
            switch entry.name {
            case BackupWriter.manifestName: manifest = content
            case BackupWriter.digestName: digest = String(decoding: content, as: UTF8.self)
            default:
                let part = entry.name.split(separator: "/").dropLast().joined(separator: "/")
                places[part, default: []].append(Place(offset: offset + TarEntry.block, size: entry.size))
                let (stream, bytes) = digests[part] ?? (DigestStream(), 0)
                stream.update(content)
                digests[part] = (stream, bytes + Int64(entry.size))
            }
            offset += TarEntry.block + entry.size + TarEntry.padding(after: entry.size)
        }
        guard offset > 0 else { throw CommandFailure("it is no backup of guanxi") }
        guard let manifest, let digest else {
            throw CommandFailure("its end is missing: the backup was interrupted, or the file was cut off")
        }
        guard Digest.sha256(manifest).hex == digest, let json = try? JSON.parse(manifest) else {
            throw CommandFailure("its manifest does not have the digest that it should: the file is damaged")
        }
        let read = try BackupManifest(json)
        for part in read.services.flatMap(\.parts) {
            let (stream, bytes) = digests[part.name] ?? (DigestStream(), 0)
            guard bytes == part.bytes, stream.finish().hex == part.sha256 else {
                throw CommandFailure("\(part.name) does not have the digest that it should: the file is damaged")
            }
        }
        return BackupFile(manifest: read, handle: handle, places: places)
    }

    /// Nil at the end.
    private static func entry(at offset: Int, _ handle: FileHandle) throws -> TarEntry? {
        try handle.seek(toOffset: UInt64(offset))
        let block = [UInt8](try handle.read(upToCount: TarEntry.block) ?? Data())
        // What is left of a file that was cut off is missed at its end.
        if block.count < TarEntry.block || block.allSatisfy({ $0 == 0 }) { return nil }
        guard let entry = TarEntry(block), entry.size <= most else {
            throw CommandFailure(
                offset == 0 ? "it is no backup of guanxi" : "there is no header at byte \(offset): the file is damaged")
        }
        return entry
    }

    private static func read(_ handle: FileHandle, at offset: Int, _ size: Int) throws -> [UInt8] {
        try handle.seek(toOffset: UInt64(offset))
        let data = size == 0 ? Data() : try handle.read(upToCount: size) ?? Data()
        guard data.count == size else { throw CommandFailure("it ends in the middle: the file was cut off") }
        return [UInt8](data)
    }

    /// The rows of a part, in pieces of whole rows, each row after `prefix`.
    func rows(of part: BackupManifest.Part, after prefix: String = "") -> AsyncThrowingStream<[UInt8], any Error> {
        let (places, handle) = (places[part.name] ?? [], handle)
        let next = Mutex(0)
        return AsyncThrowingStream {
            let index = next.withLock { next in
                defer { next += 1 }
                return next
            }
            guard index < places.count else { return nil }
            let bytes = try await Blocking.run { try Self.read(handle, at: places[index].offset, places[index].size) }
            return prefix.isEmpty ? bytes : Self.prefixed(bytes, Array(prefix.utf8))
        }
    }

    /// `COPY` writes ends of lines inside of values as `\n`: a real one ends a row.
    private static func prefixed(_ bytes: [UInt8], _ prefix: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        for row in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            result += prefix
            result += row
            result.append(UInt8(ascii: "\n"))
        }
        return result
    }
}
