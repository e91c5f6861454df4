import Foundation
import HTTP
import JSON
import Runtime
import ServiceKit
import Synchronization
import Values

/// A CSV file on its way through a job of the service: sent once, watched until it is done, its results fetched.
///
/// What is under way is noted beside the results file before anything is sent, with a name under which the service takes
/// the file once: the same command goes on after it was stopped at whatever moment, and the file is imported once.
struct ImportRun: Sendable {
    let request: ImportRequest
    let api: APIClient
    let console: Console

    /// How long a service that is away is waited for.
    private static let patience = Duration.seconds(120)
    private static let pause = Duration.milliseconds(300)

    private var path: String { "/v1/\(PercentCoding.encode(request.collection))/imports" }

    func run() async throws -> ImportSummary {
        let file = try await ImportFile.examined(request.file, options: request.options)
        let note = ImportNote(request: request, file: file)
        let id: String
        if let noted = note.job {
            console.note("goes on with import \(noted) of this file\n")
            id = noted
        } else {
            let name = note.name ?? UUIDv7.make().lowercased
            try note.keep(name)
            id = try await send(file, as: name)
            try note.keep(name, job: id)
            console.note("import \(id) has begun; stopped here, the same command goes on watching it\n")
        }
        let job: JSON
        do {
            job = try await watch(id, of: file)
        } catch let refusal as APIRefusal where refusal.status == .notFound {
            note.remove()
            throw CommandFailure("the import \(id) is no longer known: run the command again to send the file anew")
        }
        let summary = try await fetchResults(of: job, id)
        note.remove()
        if let error = job["error"]?.string {
            throw CommandFailure("the import ended at row \(summary.rows): \(error)")
        }
        return summary
    }

    // MARK: - Sending

    private func send(_ file: ImportFile, as name: String) async throws -> String {
        var query: [(name: String, value: String?)] = [("encoding", request.encoding), ("name", name)]
        if !request.mapping.isEmpty {
            query.append(("mapping", String(decoding: JSON.object(request.mapping).serialize(), as: UTF8.self)))
        }
        let progress = Mutex(Progress("sending (bytes)", total: file.bytes, console: console))
        do {
            let job = try await api.sendOnce(
                .post, path, query: query, headers: ["Content-Type": "text/csv"], patience: .seconds(1800)
            ) {
                try file.body { sent in progress.withLock { $0.update(sent) } }
            }
            progress.withLock { $0.finish(file.bytes) }
            return job.cell("id")
        } catch let refusal as APIRefusal where refusal.status == .notFound || refusal.status == .methodNotAllowed {
            throw CommandFailure.usage("\"\(request.collection)\" takes no CSV: /docs shows those with …/imports")
        }
    }

    // MARK: - Watching

    /// Answers the job when it has ended.
    private func watch(_ id: String, of file: ImportFile) async throws -> JSON {
        var progress = Progress(request.collection, total: file.rows, console: console)
        var lastAnswer = ContinuousClock.now
        while true {
            do {
                let job = try await api.send(.get, "\(path)/\(PercentCoding.encode(id))", patience: .seconds(20))
                lastAnswer = .now
                let rows = Int(job["rows"]?.int ?? 0)
                if ["done", "failed"].contains(job["status"]?.string) {
                    progress.finish(rows)
                    return job
                }
                progress.update(rows)
            } catch  where Self.isPassing(error) && lastAnswer.duration(to: .now) < Self.patience {
                // The job itself goes on.
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private static func isPassing(_ error: any Error) -> Bool {
        switch error {
        case let failure as CommandFailure: failure.code == .unavailable
        case let refusal as APIRefusal: refusal.failure.code == .unavailable
        default: false
        }
    }

    // MARK: - Results

    private func fetchResults(of job: JSON, _ id: String) async throws -> ImportSummary {
        var results = try ImportResults(request.results)
        var cursor: String?
        repeat {
            let page = try await api.send(
                .get, "\(path)/\(PercentCoding.encode(id))/rows", query: [("limit", "500"), ("cursor", cursor)])
            for row in page["items"]?.array ?? [] {
                try results.add(
                    line: row["line"]?.int ?? 0, status: row.cell("status"), id: row["id"]?.string,
                    problem: row["error"] ?? .null)
            }
            cursor = page["nextCursor"]?.string
        } while cursor != nil
        try results.finish()
        for refusal in results.refusals { console.note(refusal + "\n") }
        return ImportSummary(
            rows: job["rows"]?.int ?? 0, created: job["created"]?.int ?? 0, existing: job["existing"]?.int ?? 0,
            refused: job["refused"]?.int ?? 0,
            ignoredColumns: (job["ignoredColumns"]?.array ?? []).compactMap(\.string), results: request.results, job: id
        )
    }
}

/// The note of a job under way: `<results>.job`.
struct ImportNote: Sendable {
    private let path: String
    /// What makes it the same import.
    private let identity: JSONObject

    init(request: ImportRequest, file: ImportFile) {
        path = request.results + ".job"
        identity = [
            "url": .string(request.url), "tenant": .string(request.tenant), "collection": .string(request.collection),
            "encoding": request.encoding.map { .string($0) } ?? .null, "mapping": .object(request.mapping),
            "file": .string(file.digest),
        ]
    }

    /// The name under which this very file is or was sent, when it is under way.
    var name: String? { kept?["name"]?.string }
    /// Its job, once it was answered.
    var job: String? { kept?["job"]?.string }

    private var kept: JSON? {
        guard let data = FileManager.default.contents(atPath: path), let kept = try? JSON.parse([UInt8](data)),
            identity.allSatisfy({ kept[$0.name] == $0.value })
        else { return nil }
        return kept
    }

    func keep(_ name: String, job: String? = nil) throws(CommandFailure) {
        var note = identity
        note["name"] = .string(name)
        if let job { note["job"] = .string(job) }
        do {
            // As a whole or not at all, whenever the tool or the machine stops.
            try Data(JSON.object(note).serializePretty()).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandFailure("\(path) cannot be written, where the import is noted: check the path of --results")
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
