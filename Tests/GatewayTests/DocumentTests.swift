import Foundation
import HTTP
import JSON
import ServiceKit
import Synchronization
import Testing

@testable import Gateway

/// The pages and the API document, as the gateway answers them.
@Suite struct DocumentTests {
    @Test func theAddressOfTheGatewayLeadsToTheReference() async throws {
        let gateway = try await GatewayFixture.shared()
        for (path, place) in [
            ("/", "/docs"), ("/?lang=zh", "/docs?lang=zh"), ("/docs/", "/docs"), ("/docs/errors/", "/docs/errors"),
        ] {
            let answer = try await gateway.call(.get, path)
            #expect(answer.status == 302 && answer.headers["Location"] == place, "\(path)")
        }
        #expect(try await gateway.call(.get, "/docs/nothing").status == 404)
        #expect(try await gateway.call(.post, "/docs/").status == 404)
        #expect(try await gateway.call(.get, "/nothing").status == 404)
    }

    @Test(arguments: ["/docs", "/docs/errors", "/openapi.json", "/.well-known/jwks.json"])
    func whatOthersAddToALinkIsIgnored(path: String) async throws {
        let gateway = try await GatewayFixture.shared()
        #expect(try await gateway.call(.get, path + "?utm_source=mail&lang=fr").status == 200)
    }

    @Test(arguments: ["/docs", "/docs/errors"])
    func pagesSpeakTheReadersLanguage(path: String) async throws {
        let gateway = try await GatewayFixture.shared()
        func language(_ query: String, _ header: String?) async throws -> String? {
            let headers: HTTPHeaders = header.map { ["Accept-Language": $0] } ?? [:]
            let answer = try await gateway.call(.get, path + query, headers: headers)
            #expect(answer.headers["Vary"] == "Accept-Language")
            return answer.headers["Content-Language"]
        }
        #expect(try await language("", nil) == "en")
        #expect(try await language("", "zh-CN,zh;q=0.9") == "zh-Hans")
        #expect(try await language("?lang=en", "zh-CN") == "en")
        #expect(try await language("?lang=zh", nil) == "zh-Hans")
        #expect(try await language("?lang=fr", "zh") == "zh-Hans")
    }

    @Test(arguments: ["/docs", "/docs/errors", "/openapi.json"])
    func whoHasADocumentIsNotSentItAgain(path: String) async throws {
        let gateway = try await GatewayFixture.shared()
        let tag = try #require(try await gateway.call(.get, path).headers["ETag"])
        for known in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
            let answer = try await gateway.call(.get, path, headers: ["If-None-Match": known])
            #expect(answer.status == 304 && answer.headers["ETag"] == tag, "\(known)")
            #expect(answer.headers["Cache-Control"] != nil && answer.json == .null)
        }
        #expect(try await gateway.call(.get, path, headers: ["If-None-Match": "\"other\""]).status == 200)
    }

    /// The services of the fixture have no document.
    @Test func aDocumentThatLacksServicesSaysSo() async throws {
        let gateway = try await GatewayFixture.shared()
        let answer = try await gateway.call(.get, "/openapi.json")
        #expect(answer.json["x-missing-services"] == ["leads", "opportunities", "customers", "analytics"])
        #expect(answer.headers["Cache-Control"] == "no-cache")
        #expect(try await gateway.call(.get, "/docs").headers["Cache-Control"] == "no-cache")
        #expect(try await gateway.call(.get, "/docs/errors").headers["Cache-Control"] == "max-age=60")
    }

    @Test func rolesAnswerWhatTheirSchemaDeclares() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let document = try await gateway.call(.get, "/openapi.json").json
        let declared = document["components"]?["schemas"]?["Roles"]?["properties"]?["items"]?["items"]
        let items = try #require(try await gateway.call(.get, "/v1/roles", as: unit.key).json["items"]?.array)
        let names = Set(declared?["properties"]?.object?.names ?? [])
        #expect(!items.isEmpty && items.allSatisfy { Set($0.object?.names ?? []) == names })
        #expect(Set(declared?["required"]?.array?.compactMap(\.string) ?? []) == names)
        #expect(declared?["properties"]?["role"]?["x-enum-labels"]?["admin"]?["zh"]?.string?.isEmpty == false)
    }
}

/// What the gateway makes of the services' documents.
@Suite struct APIDocumentTests {
    private let info = OpenAPI.Info(title: "Test", version: "1", description: "For tests.")

    private func part(_ path: String, id: String, _ schema: Schema = Schema("Thing", ["type": "object"])) throws -> JSON
    {
        try OpenAPI.document(
            info: info,
            endpoints: [
                Endpoint(
                    .get, path, id: id, summary: "Reads.", tags: ["things"], permission: .anyCaller,
                    responses: [ResponseSpec(200, "The thing.", schema: schema)]
                ) { _ in .noContent }
            ])
    }

    /// What the services answer, to be changed by a test.
    private final class Services: Sendable {
        let answers = Mutex<[String: JSON]>([:])
    }

    private func document(_ services: Services, log: LogSink = .standardOutput) throws -> APIDocument {
        APIDocument(
            own: try part("/own", id: "own"), services: [("leads", "leads"), ("customers", "customers")],
            logger: Logger(service: "gateway", level: .info, sink: log)
        ) { url in services.answers.withLock { $0[url] } }
    }

    private func shown(_ publication: Publication) -> String { String(decoding: publication.bytes, as: UTF8.self) }

    @Test func aServiceThatNeverAnsweredIsNamedOnceForEachChange() async throws {
        let log = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).log")
        try #require(FileManager.default.createFile(atPath: log.path(), contents: nil))
        defer { try? FileManager.default.removeItem(at: log) }
        let file = try FileHandle(forWritingTo: log)
        let sink = LogSink(descriptor: file.fileDescriptor)
        let services = Services()
        services.answers.withLock { $0["leads"] = ["no": "document"] }
        let document = try document(services, log: sink)
        #expect(try await document.refresh() == false)
        #expect(try await document.refresh() == false)
        #expect(try JSON.parse(document.json.bytes)["x-missing-services"] == ["leads", "customers"])
        services.answers.withLock { $0["leads"] = try? part("/leads", id: "leads") }
        #expect(try await document.refresh() == false)
        let partial = try JSON.parse(document.json.bytes)
        #expect(partial["x-missing-services"] == ["customers"] && partial["paths"]?["/leads"] != nil)
        #expect(shown(document.page(in: .english)).contains("have not answered yet"))
        #expect(shown(document.page(in: .chinese)).contains("尚未响应"))
        #expect(document.json.answer(to: HTTPRequest(.get, "/")).headers["Cache-Control"] == "no-cache")

        services.answers.withLock { $0["customers"] = try? part("/customers", id: "customers") }
        #expect(try await document.refresh())
        // What was seen once stays.
        services.answers.withLock { $0["customers"] = nil }
        #expect(try await document.refresh())
        let whole = try JSON.parse(document.json.bytes)
        #expect(whole["x-missing-services"] == nil && whole["paths"]?["/customers"] != nil)
        #expect(!shown(document.page(in: .english)).contains("have not answered yet"))
        #expect(document.json.answer(to: HTTPRequest(.get, "/")).headers["Cache-Control"] == "max-age=60")

        sink.flush()
        let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n").map {
            try JSON.parse(Array($0.utf8))
        }
        #expect(
            lines.map { $0["missingServices"] ?? "whole" } == [["leads", "customers"], ["customers"], "whole"])
        try file.close()
    }

    @Test func ofAContradictionTheRestIsKept() async throws {
        let services = Services()
        let other = try part("/customers", id: "customers", Schema("Thing", ["type": "string"]))
        let leads = try part("/leads", id: "leads")
        services.answers.withLock { $0 = ["leads": leads, "customers": other] }
        let document = try document(services)
        #expect(try await document.refresh())
        let merged = try JSON.parse(document.json.bytes)
        #expect(merged["paths"]?.object?.names == ["/leads", "/own"])
        #expect(merged["components"]?["schemas"]?["Thing"] == ["type": "object"])
        #expect(merged["x-left-out"]?.array?.count == 2)
        #expect(shown(document.page(in: .english)).contains("GET /customers means another schema by Thing."))
        #expect(document.page(in: .chinese).answer(to: HTTPRequest(.get, "/")).headers["Cache-Control"] == "no-cache")
    }
}

/// What the reference shows of an operation.
@Suite struct ReferencePageTests {
    private func page(in language: Language) throws -> String {
        let item = Schema(
            "Item",
            [
                "type": "object", "required": ["status"],
                "properties": [
                    "status": [
                        "type": ["string", "null"], "enum": ["new", "won", .null], "title": "Status",
                        "x-label-zh": "状态",
                        "x-enum-labels": ["new": ["en": "New", "zh": "新建"], "won": ["en": "Closed", "zh": "赢单"]],
                    ],
                    "amount": [
                        "type": "object", "properties": ["currency": ["type": "string", "pattern": "^[A-Z]{3}$"]],
                    ],
                    "parent": Schema.reference("Item"),
                    "lines": ["type": "array", "maxItems": 9, "items": ["properties": ["id": .uuidSchema]]],
                ],
            ])
        let endpoint = Endpoint(
            .post, "/v1/items", id: "createItem", summary: "Create <one>", tags: ["items"], permission: "items.write",
            parameters: [
                .query("limit", "Objects per page.", 1...500, default: 50),
                .query(
                    "count", "Also count.", schema: ["type": "string", "enum": ["exact", "estimated"]], required: true),
            ],
            body: RequestBody(
                mediaTypes: ["application/json", "application/x-ndjson"], schema: item, limit: 64 << 20,
                example: ["status": "new"]),
            responses: [
                ResponseSpec(
                    200, "Made.",
                    schema: Schema(inline: ["type": "object", "properties": ["made": ["type": "integer"]]]),
                    headers: ["ETag": "The version."])
            ], errors: [.duplicate]
        ) { _ in .noContent }
        return ReferencePage.html(
            try OpenAPI.document(info: APIDocument.info, endpoints: [endpoint]), in: language)
    }

    @Test func nothingThatACallerNeedsIsDropped() throws {
        let page = try page(in: .english)
        for part in [
            "Create &lt;one&gt;",
            "<td><code>limit</code></td><td>query</td><td><code>integer</code>, 1–500, default <code>50</code></td><td></td>",
            "one of <code>exact</code>, <code>estimated</code></td><td>yes</td>",
            "<code>application/json</code> or <code>application/x-ndjson</code>, at most 64 MiB",
            "&quot;status&quot;: &quot;new&quot;", "<code>ETag</code> The version.", "<td><code>made</code></td>",
            "<a href=\"/docs/errors?lang=en#duplicate\"><code>duplicate</code></a>",
            "<code>string</code> or <code>null</code>, one of <code>new</code>, <code>won</code> Closed",
            "<td><code>amount.currency</code></td>", "<td><code>parent</code></td><td><a href=\"#schema-Item\">",
            "<td><code>lines[].id</code></td><td><code>string</code>, <code>uuid</code></td>",
        ] { #expect(page.contains(part), "\(part)") }
    }

    @Test func theFrameIsChineseForWhoReadsChinese() throws {
        let page = try page(in: .chinese)
        for part in [
            "<html lang=\"zh-Hans\">", "<a href=\"?lang=en\" rel=\"alternate\" lang=\"en\" hreflang=\"en\">English</a>",
            "<th scope=\"col\">必需</th>", "<span lang=\"en\">Create &lt;one&gt;</span>", "<td>状态</td>",
            "<code>new</code> 新建、<code>won</code> 赢单", "最多 64 MiB", "href=\"/docs/errors?lang=zh\"",
        ] { #expect(page.contains(part), "\(part)") }
    }

    @Test(arguments: [(8_192, "8 KiB"), (1 << 20, "1 MiB"), (64 << 20, "64 MiB"), (1_000, "1000 B"), (0, "0 B")])
    func sizesAreReadable(bytes: Int64, text: String) {
        #expect(OperationSection.size(bytes) == text)
    }

    @Test func errorsAreExplainedInBothLanguages() {
        for (language, first) in [(Language.english, "Not found"), (.chinese, "未找到")] {
            let page = ErrorPage.html(ProblemType.published, in: language)
            for type in ProblemType.published {
                #expect(page.contains("<section id=\"\(type.code)\">"))
            }
            let section = page.split(separator: "<section id=\"notFound\">").last ?? ""
            #expect(section.split(separator: "<p>").dropFirst().first?.hasPrefix(first) == true)
            #expect(
                section.contains(language == .english ? "<span lang=\"zh-Hans\">未找到" : "<span lang=\"en\">Not found"))
        }
    }
}
