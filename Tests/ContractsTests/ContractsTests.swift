import Contracts
import Entities
import Foundation
import JSON
import Testing
import Values

@Suite struct EventCatalogueTests {
    /// The committed folder; with `GUANXI_WRITE_DOCS=1` the tests bring it and `docs/events.md` up to date first.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL
    static let writes = ProcessInfo.processInfo.environment["GUANXI_WRITE_DOCS"] != nil

    @Test func everyTypeNamesItsAggregate() {
        #expect(Set(EventCatalogue.all.map(\.type)).count == EventCatalogue.all.count)
        for event in EventCatalogue.all {
            let head = event.type.split(separator: ".")[0].filter { $0 != "-" }
            #expect(head.lowercased() == event.aggregate.lowercased(), "\(event.type)")
            #expect(event.details.fields.allSatisfy { $0.name != event.aggregate && $0.name != "previous" })
            #expect(EventCatalogue[type: event.type] == event)
        }
    }

    /// Consumers were promised the released schemas: additions only. Release with `GUANXI_WRITE_DOCS=1`, which adds
    /// new types and additions, never a break.
    @Test func releasedSchemasAreKept() throws {
        for event in EventCatalogue.all {
            let file = Self.root.appending(path: "Shared/Contracts/Released/\(event.type).json")
            let released = try? JSON.parse([UInt8](Data(contentsOf: file)))
            let breaks = released.map { SchemaCompatibility.breaks(released: $0, current: event.jsonSchema) } ?? []
            #expect(breaks.isEmpty, "\(event.type)")
            if Self.writes, breaks.isEmpty { try Data(event.jsonSchema.serializePretty()).write(to: file) }
            let written = try JSON.parse([UInt8](Data(contentsOf: file)))
            #expect(written == event.jsonSchema, "\(event.type): release the addition with GUANXI_WRITE_DOCS=1")
        }
    }

    @Test func nothingReleasedIsGone() throws {
        let released = try EventCatalogue.releasedTypes()
        #expect(released == EventCatalogue.all.map(\.type).sorted())
        #expect(try EventCatalogue.released("lead.created") == LeadEvents.created.definition.jsonSchema)
        #expect(try EventCatalogue.released("lead.exploded") == nil)
    }

    @Test func theReferencePageIsTheCatalogue() throws {
        let page = Self.root.appending(path: "docs/events.md")
        if Self.writes { try Data(EventCatalogue.markdown().utf8).write(to: page) }
        #expect(try String(contentsOf: page, encoding: .utf8) == EventCatalogue.markdown())
    }
}

@Suite struct CompatibilityTests {
    static let released: JSON = [
        "type": "object", "required": ["a", "b"],
        "properties": [
            "a": ["type": ["string", "null"], "maxLength": 5, "description": "old"],
            "b": ["type": "array", "items": ["type": "integer"]],
        ],
    ]

    @Test func additionsAreAllowed() {
        var current = Self.released
        current["properties"]?["c"] = ["type": "string"]
        current["required"] = ["a", "b", "c"]
        current["properties"]?["a"]?["description"] = "new"
        #expect(SchemaCompatibility.breaks(released: Self.released, current: current).isEmpty)
    }

    @Test(
        arguments: [
            ("/properties/a/maxLength", 9), ("/properties/a/type", "string"), ("/properties/b/items/type", "number"),
            ("/required", ["a"]),
            ("/properties/a/pattern", "^x"), ("/additionalProperties", false),
            ("/properties", ["a": ["type": ["string", "null"], "maxLength": 5]]),
        ] as [(String, JSON)])
    func breaksAreFound(place: String, value: JSON) {
        let current = Self.released.replacing(JSONPointer(stringLiteral: place).tokens, by: value)
        #expect(SchemaCompatibility.breaks(released: Self.released, current: current).count == 1)
    }
}

@Suite struct EventDataTests {
    @Test func roundTripsTyped() throws {
        var lead = LeadSnapshot()
        lead.id = UUIDv7.make()
        lead.version = 3
        lead.company = "北京建材"
        lead.amount = Money(minorUnits: 100, currency: .cny)
        lead.custom = ["roofArea": 5]
        var details = LeadStatusChanged()
        (details.fromStatus, details.toStatus) = ("new", "contacted")
        let data = LeadEvents.statusChanged.data(of: lead, previous: ["status": "new", "secret": 1], details: details)
        #expect(data.object?.names == ["lead", "previous", "fromStatus", "toStatus", "reason", "at", "by"])
        #expect(data["previous"] == ["status": "new"])
        let required = LeadEvents.statusChanged.definition.jsonSchema["properties"]?["lead"]?["required"]?.array
        #expect(data["lead"]?.object?.names == required?.compactMap(\.string))
        let read = try LeadEvents.statusChanged.read(JSON.parse(data.serialize()))
        #expect(read.state == lead && read.details == details && read.previous == ["status": "new"])
    }

    @Test func genericProducersKeepTheShape() throws {
        let definition = try #require(EventCatalogue[type: "order.created"])
        let own: JSON = [
            "id": UUIDv7.make().json, "amount": Money.zero(.usd).json, "internalNote": "x", "custom": ["a": 1],
        ]
        let data = definition.data(of: own)
        #expect(
            data["order"]?["internalNote"] == nil && data["order"]?["channel"] == .null
                && data["order"]?["custom"] == ["a": 1])
        #expect(try OrderEvents.created.read(data).state.amount == .zero(.usd))
    }

    @Test func newerEventsAreRead() throws {
        var opportunity = OpportunitySnapshot()
        opportunity.productLines = [ProductLineSnapshot()]
        var data = OpportunityEvents.won.data(of: opportunity)
        data["opportunity"]?["future"] = 1
        data["opportunity"]?["stage"] = .null
        data["future"] = [1]
        #expect(try OpportunityEvents.won.read(data).state == opportunity)
        #expect(throws: ValidationFailure.self) { try OpportunityEvents.won.read(["opportunity": ["amount": 5]]) }
        #expect(throws: ValidationFailure.self) { try OpportunityEvents.won.read([:]) }
    }
}

extension JSON {
    /// The value with the place that `tokens` lead to set to `value`.
    func replacing(_ tokens: [String], by value: JSON) -> JSON {
        guard let first = tokens.first else { return value }
        var copy = self
        copy[first] = (self[first] ?? [:]).replacing(Array(tokens.dropFirst()), by: value)
        return copy
    }
}
