import Foundation
import JSON
import Runtime
import Security
import ServiceKit

/// Writes a backup: a tar archive of a folder for each part, cut into files of about a megabyte, with the manifest and
/// its digest at the end. Until it is finished the file has another name.
actor BackupWriter {
    static let manifestName = "manifest.json"
    static let digestName = "manifest.sha256"
    private static let chunk = 1 << 20

    private let path: String
    private let handle: FileHandle
    private var part: BackupManifest.Part?
    private var digest = DigestStream()
    private var rows: [UInt8] = []
    private var files = 0

    private let draft: String

    /// - Throws: ``ServiceKit/CommandFailure`` when the file cannot be made or is there already.
    init(_ path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure("\(path) is there already: choose another name, or remove it")
        }
        // Its own, whoever else writes a backup of this name. It holds all of a tenant, hashes of passwords too: nobody else
        // reads it.
        let draft = "\(path).\(UUID().uuidString.prefix(8).lowercased()).part"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure("\(draft) cannot be written: \(String(cString: strerror(errno)))")
        }
        (self.path, self.draft) = (path, draft)
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    // MARK: - Parts

    func begin(_ name: String, columns: [String]) {
        part = BackupManifest.Part(name: name, columns: columns, rows: 0, bytes: 0, sha256: "")
        digest = DigestStream()
        files = 0
    }

    /// A row as `COPY` gives it, with its end of line.
    func add(_ row: [UInt8]) async throws {
        rows += row
        part?.rows += 1
        if rows.count >= Self.chunk { try await writeRows() }
    }

    func end() async throws -> BackupManifest.Part? {
        if !rows.isEmpty { try await writeRows() }
        part?.sha256 = digest.finish().hex
        defer { part = nil }
        return part
    }

    private func writeRows() async throws {
        digest.update(rows)
        part?.bytes += Int64(rows.count)
        files += 1
        let number = String(files)
        let padded = String(repeating: "0", count: max(0, 6 - number.count)) + number
        try await write("\(part?.name ?? "")/\(padded)", rows)
        rows.removeAll(keepingCapacity: true)
    }

    // MARK: - The end

    /// The file has its name only when all of it is on the disk.
    func finish(_ manifest: BackupManifest) async throws {
        let bytes = manifest.json.serializePretty()
        try await write(Self.manifestName, bytes)
        try await write(Self.digestName, Array(Digest.sha256(bytes).hex.utf8))
        let (handle, draft, path) = (handle, draft, path)
        try await Blocking.run {
            do {
                try handle.write(contentsOf: Data(count: 2 * TarEntry.block))
                try handle.synchronize()
                try handle.close()
            } catch { throw Self.failure(path, error) }
            // A name that somebody else took meanwhile stays his.
            guard link(draft, path) == 0 else {
                throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            unlink(draft)
            Self.synchronizeFolder(of: path)
        }
    }

    func discard() { unlink(draft) }

    /// So that the name outlives a crash of the machine; what a file system cannot do is left out.
    private static func synchronizeFolder(of path: String) {
        let folder = open(URL(filePath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    private func write(_ name: String, _ bytes: [UInt8]) async throws {
        let data = Data(
            TarEntry(name: name, size: bytes.count).bytes + bytes
                + [UInt8](repeating: 0, count: TarEntry.padding(after: bytes.count)))
        let (handle, path) = (handle, path)
        try await Blocking.run {
            do { try handle.write(contentsOf: data) } catch { throw Self.failure(path, error) }
        }
    }

    private static func failure(_ path: String, _ error: any Error) -> CommandFailure {
        CommandFailure("\(path) cannot be written (\(error.localizedDescription)): is the disk full?")
    }
}
