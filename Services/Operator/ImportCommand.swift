import CSV
import Foundation
import HTTP
import JSON
import ServiceKit

/// `guanxi import`: a file of rows into a collection, in batches.
enum ImportCommand {
    static let command = Command(
        "import", summary: "Import rows from a CSV or NDJSON file.",
        arguments: [
            .init("collection", help: "leads, accounts, contacts, orders, opportunities, products, …."),
            .init(
                "file", help: "Ends in .csv (columns named as the API's fields; amount.currency for a part) or .ndjson."
            ),
        ],
        options: [
            AccessCommands.tenant,
            .init(
                "map", short: "m", value: "column=field", isRepeatable: true,
                help: "Which field a column fills when their names differ; an empty field skips the column."),
            .init("encoding", value: "encoding", help: "utf-8, utf-16 or gb18030; found out when missing."),
            .init("batch", value: "rows", default: "1000", help: "Rows sent at once, 1 to 10000."),
        ],
        examples: [
            (
                command: "guanxi import leads leads.csv --tenant nanhua --map 公司=company --map 电话=phone",
                meaning: "Rows with an externalId may be imported again: they are not doubled."
            ),
            (command: "guanxi import orders orders.ndjson --tenant nanhua", meaning: "A JSON object on each line."),
        ], run: run)

    @Sendable private static func run(_ call: Invocation) async throws {
        let (collection, path) = (call.arguments[0], call.arguments[1])
        let size = try call.number("batch", in: 1...10_000) ?? 1_000
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) cannot be read: is it there?")
        }
        let isCSV = path.lowercased().hasSuffix(".csv")
        let mapping = try Mapping(call.all("map"))
        var options = CSVOptions()
        if let name = call["encoding"] {
            guard let encoding = CSVEncoding(name: name) else {
                throw CommandFailure.usage("--encoding is \"\(name)\": expected utf-8, utf-16 or gb18030")
            }
            options.encoding = encoding
        }
        let chosen = options
        try await call.withTenant { api in
            let rows: Rows
            if isCSV {
                let types = try FieldTypes(of: collection, in: try await api.send(.get, "/openapi.json"))
                rows = try Rows(csv: Array(data), options: chosen, mapping: mapping, types: types)
            } else {
                rows = Rows(lines: Array(data))
            }
            try await send(rows, collection, size, api, call)
        }
    }

    private static func send(
        _ rows: Rows, _ collection: String, _ size: Int, _ api: APIClient, _ call: Invocation
    ) async throws {
        var (created, existing) = (Int64(0), Int64(0))
        var refusals = rows.faults
        var progress = Progress(collection, total: rows.items.count, console: call.console)
        for start in stride(from: 0, to: rows.items.count, by: size) {
            let batch = rows.items[start..<min(start + size, rows.items.count)]
            let body = Array(batch.map(\.bytes).joined(separator: [UInt8(ascii: "\n")]))
            let answer = try await api.send(
                .post, "/v1/\(call.segment(collection))/bulk", body: (body, "application/x-ndjson"),
                patience: .seconds(300))
            created += answer["created"]?.int ?? 0
            existing += answer["existing"]?.int ?? 0
            for (row, result) in zip(batch, answer["items"]?.array ?? []) {
                guard let problem = result["error"], !problem.isNull else { continue }
                let failure = APIClient.failure(.unprocessableContent, problem)
                refusals.append((row.line, failure.description))
            }
            progress.update(start + batch.count)
        }
        progress.finish(rows.items.count)
        refusals.sort { $0.line < $1.line }
        for refusal in refusals { call.console.note("line \(refusal.line): \(refusal.reason)\n") }
        let items: [JSON] = refusals.map { ["line": $0.line.json, "reason": $0.reason.json] }
        let answer: JSON = ["created": .int(created), "existing": .int(existing), "refused": .array(items)]
        call.answer(answer) {
            "\(created) created, \(existing) were there already, \(refusals.count) refused\n"
        }
        guard refusals.isEmpty else {
            throw CommandFailure("\(refusals.count) of the rows were refused: correct them and import the file again")
        }
    }
}

/// Which field each column fills.
struct Mapping: Sendable {
    private let fields: [String: String]

    init(_ pairs: [String]) throws(CommandFailure) {
        var fields: [String: String] = [:]
        for pair in pairs {
            guard let mark = pair.lastIndex(of: "="), mark != pair.startIndex else {
                throw .usage("--map is \"\(pair)\": expected column=field")
            }
            fields[String(pair[..<mark])] = String(pair[pair.index(after: mark)...])
        }
        self.fields = fields
    }

    /// The field's name in parts, or nil for a column to skip.
    func path(of column: String) -> [String]? {
        let field = fields[column] ?? column
        return field.isEmpty ? nil : field.split(separator: ".").map(String.init)
    }
}

/// What a collection's fields take, from the API's own description.
struct FieldTypes: Sendable {
    private let properties: JSONObject
    private let definitions: JSON

    init(of collection: String, in document: JSON) throws(CommandFailure) {
        definitions = document["components"]?["schemas"] ?? .null
        let operation = document["paths"]?["/v1/\(collection)"]?["post"]
        let body = operation?["requestBody"]?["content"]?["application/json"]?["schema"]
        guard let body else { throw .usage("\"\(collection)\" is no collection that takes rows: see /docs") }
        properties = Self.resolve(body, definitions)["properties"]?.object ?? [:]
    }

    private static func resolve(_ schema: JSON, _ definitions: JSON) -> JSON {
        guard let name = schema["$ref"]?.string?.split(separator: "/").last else { return schema }
        return definitions[String(name)] ?? schema
    }

    /// The text as the field takes it. What does not fit stays text: the API says what is wrong with it.
    func value(_ text: String, at path: [String]) -> JSON {
        var schema: JSON = ["properties": .object(properties)]
        for name in path { schema = Self.resolve(schema["properties"]?[name] ?? .null, definitions) }
        let kind = schema["type"]?.string ?? schema["type"]?.array?.compactMap(\.string).first { $0 != "null" }
        switch kind {
        case "integer": return Int64(text).map { .int($0) } ?? .string(text)
        case "number": return Double(text).map { .double($0) } ?? .string(text)
        case "boolean": return ["true": true, "false": false][text.lowercased()].map { .bool($0) } ?? .string(text)
        case "array": return .array(text.split(separator: ";").map { .string(String($0)) })
        default: return .string(text)
        }
    }
}

/// The rows of a file as lines of NDJSON.
struct Rows {
    var items: [(line: Int, bytes: [UInt8])] = []
    var faults: [(line: Int, reason: String)] = []

    init(lines bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.allSatisfy({ [9, 13, 32].contains($0) }) {
            items.append((index + 1, Array(line)))
        }
    }

    /// - Throws: `CSVError` when the header makes the file unusable.
    init(csv bytes: [UInt8], options: CSVOptions, mapping: Mapping, types: FieldTypes) throws {
        let reader = CSVReader(options: options)
        for record in try reader.read(bytes) + reader.finish() {
            switch record {
            case .failure(let fault): faults.append((fault.line, "\(fault)"))
            case .success(let row):
                var object = JSON.object([:])
                for (column, text) in zip(reader.header, row.fields) where !text.isEmpty {
                    guard let path = mapping.path(of: column) else { continue }
                    object = Self.setting(types.value(text, at: path), at: path[...], in: object)
                }
                items.append((row.line, object.serialize()))
            }
        }
    }

    private static func setting(_ value: JSON, at path: ArraySlice<String>, in whole: JSON) -> JSON {
        guard let name = path.first else { return value }
        var object = whole.object ?? [:]
        object[name] = setting(value, at: path.dropFirst(), in: object[name] ?? .object([:]))
        return .object(object)
    }
}
