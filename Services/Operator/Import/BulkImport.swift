import Foundation
import HTTP
import JSON
import Runtime
import Security
import ServiceKit
import Values

/// A file of JSON objects, one a line, sent in batches to a collection's bulk endpoint as it is read.
///
/// Each batch has a name made of the file's content and of where it is in it: the same command, run again within a day,
/// sends the same batches, and the service makes their rows once.
struct BulkImport: Sendable {
    let request: ImportRequest
    let api: APIClient
    let console: Console

    func run() async throws -> ImportSummary {
        let (bytes, digest) = try await LineFile.examined(request.file)
        let seed = request.isAgain ? UUID().uuidString : digest.hex
        var file = try LineFile(request.file)
        defer { file.close() }
        var summary = ImportSummary(results: request.results)
        var results = try ImportResults(request.results)
        var progress = Progress("\(request.collection) (bytes)", total: bytes, console: console)
        while true {
            let batch: [LineFile.Line]
            let answer: JSON
            do {
                (file, batch) = try await read(file)
                guard let first = batch.first else { break }
                answer = try await send(batch, as: Self.name(seed, first.number))
            } catch {
                try results.abandon()
                throw error
            }
            try add(answer, of: batch, to: &summary, &results)
            progress.update(file.position)
        }
        progress.finish(bytes)
        try results.finish()
        for refusal in results.refusals { console.note(refusal + "\n") }
        return summary
    }

    private func read(_ file: LineFile) async throws -> (LineFile, [LineFile.Line]) {
        let count = request.batch
        return try await Blocking.run {
            var file = file
            let lines = try file.next(count)
            return (file, lines)
        }
    }

    private func add(
        _ answer: JSON, of batch: [LineFile.Line], to summary: inout ImportSummary, _ results: inout ImportResults
    ) throws {
        summary.rows += Int64(batch.count)
        summary.created += answer["created"]?.int ?? 0
        summary.existing += answer["existing"]?.int ?? 0
        for (row, result) in zip(batch, answer["items"]?.array ?? []) {
            let problem = result["error"] ?? .null
            if !problem.isNull { summary.refused += 1 }
            let status = !problem.isNull ? "refused" : result["status"]?.int == 201 ? "created" : "existing"
            try results.add(line: Int64(row.number), status: status, id: result["id"]?.string, problem: problem)
        }
    }

    private func send(_ batch: [LineFile.Line], as name: UUID) async throws -> JSON {
        let lines = Array(batch.map(\.bytes).joined(separator: [UInt8(ascii: "\n")]))
        do {
            return try await api.sendOnce(
                .post, "/v1/\(PercentCoding.encode(request.collection))/bulk",
                query: [("name", name.uuidString.lowercased())],
                headers: ["Content-Type": "application/x-ndjson"], patience: .seconds(300)
            ) { .bytes(lines) }
        } catch let refusal as APIRefusal where refusal.status == .notFound || refusal.status == .methodNotAllowed {
            throw CommandFailure.usage("\"\(request.collection)\" takes no rows: /docs shows those with …/bulk")
        } catch let refusal as APIRefusal where refusal.code == "idempotencyKeyReused" {
            throw CommandFailure(
                "\(request.file) was imported with another --batch, or about a day ago: give the same --batch, or --again "
                    + "to make its rows once more")
        }
    }

    /// Of the batch that begins at a line.
    static func name(_ seed: String, _ line: Int) -> UUID {
        let bytes = Digest.sha256("\(seed) \(line)").bytes
        func word(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return UUID(high: word(0..<8), low: word(8..<16))
    }
}
