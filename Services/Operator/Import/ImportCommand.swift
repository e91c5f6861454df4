import CSV
import Foundation
import HTTP
import JSON
import ServiceKit

/// `guanxi import`: a file of rows into a collection.
///
/// CSV becomes a job of the service, which goes on whatever happens to the tool; NDJSON is sent in batches.
enum ImportCommand {
    static let command = Command(
        "import", summary: "Import rows from a CSV or NDJSON file.",
        arguments: [
            .init("collection", help: "leads, accounts or orders; with NDJSON also others that /docs shows with bulk."),
            .init("file", help: "Ends in .csv (the first line names fields or their labels), .ndjson or .jsonl."),
        ],
        options: [
            AccessCommands.tenant,
            .init(
                "map", short: "m", value: "column=field", isRepeatable: true,
                help: "Of CSV: which field a column fills when their names differ; an empty field skips the column."),
            .init("encoding", value: "encoding", help: "Of CSV: utf-8, utf-16 or gb18030; found out when missing."),
            .init(
                "results", value: "file",
                help: "Where the result of each row is written, as CSV; FILE.results.csv beside the file when missing."),
            .init("batch", value: "rows", default: "1000", help: "Of NDJSON: rows sent at once, 1 to 10000."),
            .init(
                "again",
                help: "Of NDJSON: make the rows once more although the same file was imported within a day."),
        ],
        examples: [
            (
                command: "guanxi import leads leads.csv --tenant nanhua --map 公司=company --map 电话=phone",
                meaning: "Stopped in the middle, the same command goes on; nothing is doubled."
            ),
            (
                command: "guanxi import orders orders.csv -t nanhua --json",
                meaning: "The job in JSON; ends with 1 when a row was refused, and the results file says which and why."
            ),
            (
                command: "guanxi import contacts contacts.ndjson --tenant nanhua",
                meaning:
                    "A JSON object on each line. The same command within a day makes nothing twice; after that only "
                    + "rows with an externalId are known again."
            ),
        ], run: run)

    @Sendable private static func run(_ call: Invocation) async throws {
        let request = try ImportRequest(call)
        // Longer than any import takes; it is revoked at the end.
        try await call.withTenant(for: .seconds(86_400)) { api in
            let summary =
                switch request.format {
                case .csv: try await ImportRun(request: request, api: api, console: call.console).run()
                case .ndjson: try await BulkImport(request: request, api: api, console: call.console).run()
                }
            call.answer(summary.json) { summary.text }
            guard summary.refused == 0 else {
                throw CommandFailure(
                    "\(summary.refused) refused: \(request.results) says which rows and why; "
                        + "correct those and import them alone")
            }
        }
    }
}

/// What is to be imported, and how.
struct ImportRequest: Sendable {
    enum Format: Sendable { case csv, ndjson }

    let collection: String
    let file: String
    let format: Format
    let tenant: String
    let url: String
    /// Field by heading; null leaves the column out.
    let mapping: JSONObject
    /// By its name.
    let encoding: String?
    /// Where each row's result is written.
    let results: String
    /// Rows of a batch.
    let batch: Int
    /// Whether rows are made that the same file made before.
    let isAgain: Bool

    init(_ call: Invocation) throws {
        (collection, file) = (call.arguments[0], call.arguments[1])
        let name = file.lowercased()
        if name.hasSuffix(".csv") {
            format = .csv
        } else if [".ndjson", ".jsonl"].contains(where: name.hasSuffix) {
            format = .ndjson
        } else {
            throw CommandFailure.usage("\"\(file)\" must end in .csv, .ndjson or .jsonl, so that its format is known")
        }
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw CommandFailure("\(file) cannot be read: check the path and your permission")
        }
        (tenant, url) = (try call.required("tenant"), try call.required("url"))
        mapping = try Self.mapping(call.all("map"))
        encoding = call["encoding"]
        if let encoding, CSVEncoding(name: encoding) == nil {
            throw CommandFailure.usage("--encoding is \"\(encoding)\": expected utf-8, utf-16 or gb18030")
        }
        let stem = file.prefix(upTo: file.lastIndex(of: ".") ?? file.endIndex)
        results = call["results"] ?? "\(stem).results.csv"
        batch = try call.number("batch", in: 1...10_000) ?? 1_000
        isAgain = call.has("again")
    }

    /// How the file is read, as the service reads it.
    var options: CSVOptions {
        var options = CSVOptions()
        options.encoding = encoding.flatMap { CSVEncoding(name: $0) } ?? .detect
        return options
    }

    static func mapping(_ pairs: [String]) throws(CommandFailure) -> JSONObject {
        var mapping = JSONObject()
        for pair in pairs {
            guard let mark = pair.lastIndex(of: "="), mark != pair.startIndex else {
                throw .usage("--map is \"\(pair)\": expected column=field")
            }
            let field = String(pair[pair.index(after: mark)...])
            mapping[String(pair[..<mark])] = field.isEmpty ? .null : .string(field)
        }
        return mapping
    }
}

/// What became of the file.
struct ImportSummary: Sendable {
    var rows: Int64 = 0
    var created: Int64 = 0
    var existing: Int64 = 0
    var refused: Int64 = 0
    /// Headings that mean no field.
    var ignoredColumns: [String] = []
    /// The file with each row's result.
    var results: String
    /// The job, when the service kept one.
    var job: String?

    var json: JSON {
        [
            "rows": .int(rows), "created": .int(created), "existing": .int(existing), "refused": .int(refused),
            "ignoredColumns": .array(ignoredColumns.map { .string($0) }), "results": .string(results),
            "job": job.map { .string($0) } ?? .null,
        ]
    }

    var text: String {
        let ignored =
            ignoredColumns.isEmpty
            ? ""
            : "columns that mean no field and were left out (--map gives them one): "
                + ignoredColumns.joined(separator: ", ") + "\n"
        let noun = rows == 1 ? "row" : "rows"
        return "\(rows) \(noun): \(created) created, \(existing) were there already, \(refused) refused\n" + ignored
            + "the result of each row: \(results)\n"
    }
}
