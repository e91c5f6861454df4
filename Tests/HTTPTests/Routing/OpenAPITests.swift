import HTTP
import JSON
import Testing

@Suite struct OpenAPITests {
    private let info = OpenAPI.Info(title: "Test", version: "1", description: "For tests.")

    private func create(_ path: String, id: String, _ schema: Schema) -> Endpoint {
        Endpoint(
            .post, path, id: id, summary: "Creates.", tags: ["leads"], permission: "leads.write",
            parameters: [.idempotencyKey], query: .filters(description: "Any field."),
            body: .json(schema, example: ["company": "Acme"]),
            responses: [ResponseSpec(201, "Created.", schema: schema.page("\(id)Page"), headers: ["ETag": "Version."])],
            errors: [.duplicate]
        ) { _ in .noContent }
    }

    @Test func aDocumentSaysWhatTheEndpointDeclares() throws {
        let money = Schema("Money", ["type": "object"])
        let lead = Schema("Lead", ["type": "object", "properties": ["value": money.json]], uses: [money])
        let document = try OpenAPI.document(info: info, endpoints: [create("/v1/{kind}/leads", id: "createLead", lead)])
        #expect(OpenAPI.faults(of: document) == [])
        let operation = try #require(document["paths"]?["/v1/{kind}/leads"]?["post"])
        #expect(operation["operationId"] == "createLead")
        #expect(operation["x-permission"] == "leads.write")
        #expect(
            operation["parameters"]?.array?.map { $0["name"]?.string ?? "" } == ["kind", "Idempotency-Key", "filters"])
        let content = operation["requestBody"]?["content"]?["application/json"]
        #expect(content?["schema"] == ["$ref": "#/components/schemas/Lead"])
        #expect(content?["example"] == ["company": "Acme"])
        #expect(operation["responses"]?["409"]?["x-codes"] == ["duplicate"])
        #expect(operation["responses"]?["401"] != nil)
        #expect(document["components"]?["schemas"]?.object?.names == ["Lead", "Money", "Problem", "createLeadPage"])
    }

    @Test func aSchemaNameHasOneContent() {
        let endpoints = [
            create("/a", id: "a", Schema("Lead", ["type": "object"])),
            create("/b", id: "b", Schema("Lead", ["type": "string"])),
        ]
        let error = #expect(throws: RouteConflict.self) { try OpenAPI.document(info: info, endpoints: endpoints) }
        #expect(error?.description.contains("Lead") == true)
    }

    @Test func documentsMerge() throws {
        let lead = Schema("Lead", ["type": "object"])
        let one = try OpenAPI.document(info: info, endpoints: [create("/a", id: "a", lead)])
        let two = try OpenAPI.document(info: info, endpoints: [create("/b", id: "b", lead)])
        let merged = try OpenAPI.merge([one, two], info: info) { $0 == "leads.write" ? ["sales", "admin"] : [] }
        #expect(merged["paths"]?.object?.names == ["/a", "/b"])
        #expect(merged["paths"]?["/b"]?["post"]?["x-roles"] == ["sales", "admin"])
        #expect(OpenAPI.faults(of: merged) == [])
        #expect(throws: RouteConflict.self) { try OpenAPI.merge([one, one], info: info) }
    }

    @Test func ofContradictionsThatPartAloneIsLeftOut() throws {
        let text = Schema("Lead", ["type": "string"])
        let wrapped = Schema("Wrapped", ["type": "object", "properties": ["lead": text.json]], uses: [text])
        let one = try OpenAPI.document(
            info: info, endpoints: [create("/a", id: "a", Schema("Lead", ["type": "object"]))])
        let two = try OpenAPI.document(
            info: info,
            endpoints: [
                create("/b", id: "b", text), create("/c", id: "c", wrapped), create("/d", id: "a", Schema("D", [:])),
                create("/a", id: "e", Schema("D", [:])), create("/f", id: "f", Schema("D", [:])),
            ])
        #expect(OpenAPI.mergeWhatFits([one, one], info: info).conflicts.count == 1)
        let merged = OpenAPI.mergeWhatFits([one, two], info: info)
        #expect(merged.document["paths"]?.object?.names == ["/a", "/f"])
        #expect(merged.document["components"]?["schemas"]?["Lead"] == ["type": "object"])
        #expect(OpenAPI.faults(of: merged.document) == [])
        #expect(
            merged.conflicts.map(\.description).sorted() == [
                "POST /a is declared twice.", "POST /b means another schema by Lead.",
                "POST /c means another schema by Wrapped.",
                "The operation id a is used for both POST /a and POST /d.",
                "The schema name Lead is used for two different schemas.",
                "The schema name aPage is used for two different schemas.",
            ])
    }

    @Test func faultsAreFound() throws {
        var document = try OpenAPI.document(
            info: info, endpoints: [create("/a", id: "a", Schema("Lead", ["type": "object"]))])
        document["components"] = ["schemas": [:]]
        #expect(OpenAPI.faults(of: document).contains { $0.contains("Lead") })
    }
}
