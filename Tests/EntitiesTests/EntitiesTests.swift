import Entities
import Foundation
import JSON
import Testing
import Values

@Suite struct ValidationTests {
    @Test func takesEveryKindAndCleansText() throws {
        let body: JSON = [
            "company": "  Cafe\u{301} 建材\u{3000}", "note": "one\ntwo", "size": 5, "score": 0.25, "isOpen": false,
            "amount": ["amount": "10.5", "currency": "USD"], "day": "2026-02-01", "seenAt": "2026-02-01T08:00:00+08:00",
            "ownerId": "01890A5D-AC96-774B-BCCE-B302099A8057", "status": "done", "aliases": ["a", "b"],
            "lines": [["product": "GTX", "price": ["amount": "1", "currency": "JPY"]]], "email": "li@例子.com",
            "phone": "+86 (0)138-0013-8000", "site": "https://example.com/x", "source": "",
        ]
        let sample = try Sample.made(body)
        #expect(sample.company == "Caf\u{E9} 建材" && sample.company?.unicodeScalars.count == 7)
        #expect(sample.amount == Money(minorUnits: 1050, currency: .usd))
        #expect(sample.seenAt?.description == "2026-02-01T00:00:00.000Z")
        #expect(sample.lines == [Sample.Line(product: "GTX", quantity: 1, price: Money(minorUnits: 1, currency: .jpy))])
        #expect(sample.status == .done && sample.source == nil && sample.aliases == ["a", "b"])
        let shown = Sample.catalogue.encode(sample)
        #expect(shown.object?.count == 18)
        #expect(shown["source"] == .null)
        #expect(shown["amount"] == ["amount": "10.50", "currency": "USD"])
        var writer = JSONWriter()
        Sample.catalogue.write(sample, into: &writer)
        #expect(writer.bytes == shown.serialize())
        #expect(try Sample.catalogue.decode(JSON.parse(writer.bytes), into: Sample()) == sample)
        #expect(Sample.catalogue.encode(sample, fields: ["company", "custom"]).object?.names == ["company", "custom"])
    }

    @Test func tellsEveryMistakeAtOnce() {
        let body: JSON = [
            "id": "x", "company": .null, "note": "a\u{0}b", "size": 5000, "score": 0.255, "isOpen": 1,
            "amount": ["amount": "-1", "currency": "USD"], "day": "2026-02-30", "seenAt": "99999-01-01T00:00:00Z",
            "ownerId": 7, "status": "lost", "aliases": ["a", 1, "", "d"], "lines": [["quantity": 1, "prise": 2]],
            "email": "li@", "phone": "12", "site": "javascript:alert(1)", "Source": "x",
        ]
        let found = issues { _ = try Sample.catalogue.validate(create: body) }
        #expect(
            found == [
                "/id": "readOnly", "/company": "required", "/note": "invalidCharacters", "/size": "outOfRange",
                "/score": "tooManyDigits", "/isOpen": "wrongType", "/amount/amount": "negativeAmount",
                "/day": "invalidDate",
                "/seenAt": "invalidTimestamp", "/ownerId": "wrongType", "/status": "unknownChoice",
                "/aliases": "tooMany",
                "/lines/0/prise": "unknownField", "/lines/0/product": "required", "/email": "invalidEmail",
                "/phone": "invalidPhone", "/site": "invalidUrl", "/Source": "unknownField",
            ])
        #expect(
            issues { _ = try Sample.catalogue.validate(create: ["company": "x", "aliases": ["a", 1, ""]]) }
                == ["/aliases/1": "wrongType", "/aliases/2": "required"])
        #expect(
            issues { _ = try Sample.catalogue.validate(create: ["amount": ["amount": 5, "curency": "USD"]]) }
                == [
                    "/amount/amount": "wrongType", "/amount/currency": "required", "/amount/curency": "unknownField",
                    "/company": "required",
                ])
        #expect(issues { _ = try Sample.catalogue.validate(create: ["a"]) } == ["": "wrongType"])
        #expect(
            issues {
                _ = try Sample.catalogue.validate(create: ["company": .string(String(repeating: "长", count: 21))])
            }
                == ["/company": "tooLong"])
        let failure = #expect(throws: ValidationFailure.self) {
            try Sample.catalogue.validate(create: ["company": "x", "Size": 1])
        }
        #expect(failure?.issues.first?.english == "There is no field \"Size\" here; did you mean \"size\"?")
        #expect(failure?.issues.first?.chinese.contains("是否指“size”") == true)
    }

    @Test func patchesAsMergePatchSays() throws {
        let old = try Sample.made(["company": "A", "size": 5, "source": "web", "email": "a@b.cn"])
        let changes = try Sample.catalogue.validate(patch: ["company": "A", "size": 6, "email": .null])
        let (new, changed) = Sample.catalogue.apply(changes, to: old)
        #expect(new.size == 6 && new.email == nil && new.source == "web")
        #expect(changed == ["size", "email"])
        #expect(Sample.catalogue.previous(old, comparedWith: new).json == ["size": 5, "email": "a@b.cn"])
        #expect(Sample.catalogue.changes(from: old, to: new) == changed)
        #expect(
            issues { _ = try Sample.catalogue.validate(patch: ["company": .null, "source": "x", "isOpen": .null]) }
                == ["/company": "required", "/source": "createOnly", "/isOpen": "required"])
        var noted = old
        noted.note = "secret"
        #expect(Sample.catalogue.previous(noted, comparedWith: old).isEmpty)
    }

    @Test func decodesNewerEventsTolerantly() throws {
        let newer: JSON = ["company": "A", "status": "done", "future": 1, "size": 99999, "isOpen": .null]
        let sample = try Sample.catalogue.decode(newer, into: Sample())
        #expect(sample.company == "A" && sample.size == 99999 && sample.isOpen)
        #expect(
            issues { _ = try Sample.catalogue.decode(["size": "x", "status": "future"], into: Sample()) }
                == ["/size": "wrongType", "/status": "wrongType"])
    }
}

@Suite struct CustomFieldTests {
    static func fields() throws -> CustomFields {
        try CustomFields([
            FieldDefinition(custom: [
                "name": "roofArea", "type": "decimal", "minimum": 0, "labels": ["zh": "屋顶面积", "en": "Roof area"],
                "required": true,
            ]),
            FieldDefinition(custom: [
                "name": "tags", "type": "choices", "labels": ["zh": "标记", "en": "Tags"],
                "choices": [["value": "hot", "labels": ["zh": "热", "en": "Hot"]]],
            ]),
            FieldDefinition(custom: ["name": "since", "type": "date", "labels": ["zh": "起", "en": "Since"]]),
        ])
    }

    @Test func areValidatedStoredAndFiltered() throws {
        let custom = try Self.fields()
        let sample = try Sample.made(
            ["company": "A", "custom": ["roofArea": 12.5, "tags": ["hot"], "since": "2026-01-01"]], custom: custom)
        #expect(sample.custom.json == ["roofArea": 12.5, "tags": ["hot"], "since": "2026-01-01"])
        let patch = try Sample.catalogue.validate(patch: ["custom": ["since": .null, "roofArea": 3]], custom: custom)
        let (patched, changed) = Sample.catalogue.apply(patch, to: sample)
        #expect(patched.custom.json == ["roofArea": 3.0, "tags": ["hot"]] && changed == ["custom"])
        #expect(issues { _ = try Sample.made(["company": "A"], custom: custom) } == ["/custom/roofArea": "required"])
        #expect(
            issues {
                _ = try Sample.made(
                    ["company": "A", "custom": ["roofArea": -1, "x": 1, "tags": ["cold"]]], custom: custom)
            }
                == ["/custom/roofArea": "outOfRange", "/custom/x": "unknownField", "/custom/tags/0": "unknownChoice"])
        let query = try Sample.catalogue.schema.listQuery(
            [
                ("custom.roofArea.gte", "12"), ("custom.since.lt", "2026-02-01"), ("custom.tags", "hot"),
                ("sort", "-custom.roofArea"),
            ],
            custom: custom, context: Sample.context)
        #expect(Sample.catalogue.matches(sample, query.filter))
        #expect(!Sample.catalogue.matches(patched, query.filter))
        #expect(query.sort.first?.field.name == "custom.roofArea")
    }

    @Test func definitionsAreChecked() throws {
        let labels: JSON = ["zh": "a", "en": "a"]
        #expect(
            issues { _ = try FieldDefinition(custom: ["name": "x"]) } == ["/type": "required", "/labels": "required"])
        #expect(
            issues { _ = try FieldDefinition(custom: ["name": "drop table", "type": "text", "labels": labels]) } == [
                "/name": "invalidName"
            ])
        #expect(
            issues { _ = try FieldDefinition(custom: ["name": "x", "type": "choice", "labels": labels]) } == [
                "/choices": "required"
            ])
        #expect(
            issues { _ = try FieldDefinition(custom: ["name": "x", "type": "blob", "labels": labels]) } == [
                "/type": "unknownChoice"
            ])
        #expect(
            issues {
                _ = try FieldDefinition(custom: [
                    "name": "x", "type": "integer", "minimum": 2, "maximum": 1, "labels": labels,
                ])
            } == ["/minimum": "outOfRange"])
        let one = try FieldDefinition(custom: ["name": "x", "type": "text", "labels": labels])
        #expect(issues { _ = try CustomFields([one, one]) } == ["/name": "duplicate"])
    }
}

@Suite struct ListQueryTests {
    static func query(_ parameters: [(String, String)]) throws -> ListQuery {
        try Sample.catalogue.schema.listQuery(
            parameters.map { (name: $0.0, value: $0.1) }, context: Sample.context, expandable: ["owner"],
            other: ["waitFor"])
    }

    @Test func readsEverything() throws {
        let query = try Self.query([
            ("status", "new,done"), ("sort", "-seenAt,company"), ("fields", "id,company"), ("limit", "500"),
            ("cursor", "abc"),
            ("q", " 建材 "), ("expand", "owner"), ("count", "exact"), ("waitFor", "x:1"),
        ])
        #expect(
            query.sort.map(\.field.name) == ["seenAt", "company"] && query.sort.map(\.isDescending) == [true, false])
        #expect(
            query.fields == ["id", "company"] && query.limit == 500 && query.cursor == "abc" && query.search == "建材")
        #expect(query.expand == ["owner"] && query.count == .exact && query.others == ["waitFor": "x:1"])
        guard case .field(let field, .oneOf(let values)) = query.filter else { return #expect(Bool(false)) }
        #expect(field.definition.column == "status" && values == [.string("new"), .string("done")])
        #expect(Sample.catalogue["seenAt"]?.columns == ["seen_at"])
        #expect(Sample.catalogue["amount"]?.columns == ["amount_minor", "amount_currency"])
    }

    @Test(arguments: [
        ("colour", "x", "unknownField"), ("size.like", "1", "unsupportedOperator"), ("size", "abc", "wrongType"),
        ("size.gte", "1,2", "unsupportedOperator"), ("size.contains", "1", "unsupportedOperator"),
        ("lines", "x", "notFilterable"),
        ("status", "lost", "unknownChoice"), ("limit", "0", "outOfRange"), ("limit", "501", "outOfRange"),
        ("limit", "x", "outOfRange"),
        ("sort", "colour", "unknownField"), ("sort", "lines", "notSortable"), ("sort", "size,-size", "notSortable"),
        ("fields", "colour", "unknownField"), ("fields", "", "required"), ("expand", "x", "unknownChoice"),
        ("count", "all", "unknownChoice"),
        ("seenAt.gte", "yesterday", "invalidTimestamp"), ("company.isNull", "perhaps", "wrongType"),
        ("size", "", "required"),
        ("company", "a\u{0}", "invalidCharacters"), ("ownerId", "me", "invalidId"),
        ("amount.gte", "1.234", "tooManyDigits"),
        ("custom.x", "1", "unknownField"), ("isOpen.gte", "true", "unsupportedOperator"), ("q", "", "invalidSearch"),
    ])
    func refuses(name: String, value: String, code: String) {
        #expect(issues { _ = try Self.query([(name, value)]) } == [name: code])
    }

    /// A day is all of its moments, whatever is asked of it, in lists and in rules.
    @Test func daysOfATimeAreRanges() throws {
        func seen(_ time: String?) throws -> Sample {
            var sample = try Sample.made(["company": "x"])
            sample.seenAt = try time.map { try Timestamp(parsing: $0) }
            return sample
        }
        // In Shanghai.
        let (first, second, none) = (
            try seen("2026-01-01T15:00:00Z"), try seen("2026-01-01T16:30:00Z"), try seen(nil)
        )
        func found(_ name: String, _ value: String) throws -> [Bool] {
            let filter = try Self.query([(name, value)]).filter
            return [first, second, none].map { Sample.catalogue.matches($0, filter) }
        }
        #expect(try found("seenAt", "2026-01-01") == [true, false, false])
        #expect(try found("seenAt.ne", "2026-01-01") == [false, true, true])
        #expect(try found("seenAt", "2026-01-01,2026-01-02") == [true, true, false])
        #expect(try found("seenAt.ne", "2026-01-01,2026-01-02") == [false, false, true])
        #expect(try found("seenAt", "2026-01-02,2026-01-01T15:00:00Z") == [true, true, false])
        #expect(try found("seenAt.gte", "2026-01-02") == [false, true, false])
        #expect(
            issues { _ = try found("seenAt.gte", "2026-01-01,2026-01-02") } == ["seenAt.gte": "unsupportedOperator"])
        func rule(_ json: JSON) throws -> Filter {
            try Sample.catalogue.schema.condition(json, context: Sample.context)
        }
        let not = try rule(["field": "seenAt", "op": "ne", "value": "2026-01-01"])
        #expect([first, second, none].map { Sample.catalogue.matches($0, not) } == [false, true, true])
        let either = try rule(["field": "seenAt", "value": ["2026-01-01", "2026-01-02"]])
        #expect([first, second, none].map { Sample.catalogue.matches($0, either) } == [true, true, false])
        #expect(
            issues { _ = try rule(["field": "size", "op": "contains", "value": 50]) } == [
                "/value": "unsupportedOperator"
            ])
    }

    @Test func manyThingsWrongAreNotAllTold() throws {
        let body = JSON.object(JSONObject((0..<5_000).map { ("a\($0)", .int(0)) }))
        do {
            _ = try Sample.catalogue.validate(create: body)
            Issue.record("it was taken")
        } catch {
            #expect(error.issues.count == ValidationFailure.mostIssues && error.brief.issues.count == 10)
        }
    }

    @Test func refusesAParameterTwiceAndTellsAll() {
        #expect(
            issues { _ = try Self.query([("size", "1"), ("size", "2"), ("limit", "x")]) } == [
                "size": "duplicate", "limit": "outOfRange",
            ])
    }

    @Test func matchesAsTheQuerySays() throws {
        let sample = try Sample.made([
            "company": "Acme 建材", "size": 50, "amount": ["amount": "100", "currency": "CNY"], "day": "2026-02-01",
            "seenAt": "2026-01-31T16:30:00Z", "aliases": ["ACM", "Acme Ltd"],
        ])
        let cases: [(String, String, Bool)] = [
            ("size", "50", true), ("size", "1,50", true), ("size.ne", "50", false), ("size.gte", "50", true),
            ("size.gt", "50", false),
            ("size.lte", "49", false), ("size.lt", "51", true), ("company.contains", "acme", true),
            ("company.startsWith", "建", false),
            ("company", "acme 建材", false), ("email.isNull", "true", true), ("email.ne", "a@b.cn", true),
            ("email", "a@b.cn", false),
            ("amount.gte", "100", true), ("amount.gt", "100 CNY", false), ("amount.gte", "1 USD", false),
            ("amount", "100.00", true),
            ("day.gte", "2026-02-01", true), ("day.gt", "2026-02-01", false), ("score.lt", "1", false),
            // 2026-02-01 00:30 in Shanghai.
            ("seenAt", "2026-02-01", true), ("seenAt", "2026-01-31", false), ("seenAt.gte", "2026-02-01", true),
            ("seenAt.gt", "2026-01-31", true), ("seenAt.gt", "2026-02-01", false), ("seenAt.lte", "2026-02-01", true),
            ("seenAt.lt", "2026-02-01", false), ("seenAt.lt", "2026-01-31T16:30:00.001Z", true),
            ("aliases", "ACM", true), ("aliases", "acm", false), ("aliases.contains", "ltd", true),
            ("isOpen", "true", true),
        ]
        for (name, value, expected) in cases {
            #expect(
                Sample.catalogue.matches(sample, try Self.query([(name, value)]).filter) == expected, "\(name)=\(value)"
            )
        }
    }
}

@Suite struct ConditionTests {
    static func condition(_ json: JSON) throws -> Filter {
        try Sample.catalogue.schema.condition(json, context: Sample.context)
    }

    @Test func combines() throws {
        let condition = try Self.condition([
            "all": [
                ["field": "company", "op": "contains", "value": "建材"],
                ["any": [["field": "size", "op": "gte", "value": 100], ["field": "status", "value": ["done"]]]],
                ["not": ["field": "amount", "op": "isNull"]],
            ]
        ])
        let yes = try Sample.made(["company": "北京建材", "size": 100, "amount": ["amount": "1", "currency": "CNY"]])
        #expect(Sample.catalogue.matches(yes, condition))
        for change: JSON in [["company": "北京"], ["size": 99], ["amount": .null]] {
            let no = Sample.catalogue.apply(try Sample.catalogue.validate(patch: change), to: yes).record
            #expect(!Sample.catalogue.matches(no, condition))
        }
        #expect(Sample.catalogue.matches(yes, try Self.condition([:])))
    }

    @Test func saysWhereItIsWrong() {
        #expect(
            issues {
                _ = try Self.condition([
                    "all": [
                        ["field": "x"], ["field": "size", "op": "gte", "value": "y"], ["field": "size", "op": "~"],
                    ]
                ])
            }
                == ["/all/0/field": "unknownField", "/all/1/value": "wrongType", "/all/2/op": "unsupportedOperator"])
        #expect(issues { _ = try Self.condition(["all": [], "any": []]) } == ["": "invalidCondition"])
        #expect(issues { _ = try Self.condition(["field": "size"]) } == ["/value": "required"])
        let deep = (0..<10).reduce(["field": "size", "op": "isNull"] as JSON) { inner, _ in ["not": inner] }
        #expect(issues { _ = try Self.condition(deep) }.values.contains("tooMany"))
    }
}

@Suite struct DocumentTests {
    @Test func schemasSayWhatIsRead() throws {
        let schema = Sample.catalogue.schema
        let create = schema.jsonSchema(.create)
        #expect(create["required"] == ["company"] && create["additionalProperties"] == false)
        #expect(create["properties"]?["id"] == nil)
        #expect(create["properties"]?["status"]?["enum"] == ["new", "done", .null])
        #expect(
            create["properties"]?["status"]?["x-enum-labels"] == [
                "new": ["en": "New", "zh": "新"], "done": ["en": "Done", "zh": "完成"],
            ])
        #expect(schema.jsonSchema(.patch)["properties"]?["source"] == nil)
        let object = schema.jsonSchema(.object)
        #expect(object["required"]?.array?.count == 18 && object["additionalProperties"] == nil)
        #expect(object["properties"]?["company"]?["type"] == "string")
        #expect(object["properties"]?["size"]?["type"] == ["integer", "null"])
    }

    @Test func importsCellsAsCallsDo() throws {
        let schema = Sample.catalogue.schema
        #expect(schema.field(heading: " Seen_At ")?.name == "seenAt")
        #expect(schema.field(heading: "公司")?.name == "company")
        #expect(schema.field(heading: "标识") == nil)
        let row = [
            "公司": "A", "Size": "1,000", "amount": "1,054.00 USD", "Open": "否", "别名": "x；y", "seenAt": "2026-01-01",
            "note": "",
        ]
        let cells = row.compactMap { heading, text in schema.field(heading: heading).map { (field: $0, text: text) } }
        #expect(cells.count == row.count)
        let sample = try Sample.made(schema.body(cells: cells, context: Sample.context))
        #expect(
            sample.size == 1000 && sample.amount?.amount == "1054.00" && !sample.isOpen && sample.aliases == ["x", "y"])
        #expect(sample.seenAt?.description == "2025-12-31T16:00:00.000Z")
        let broken = schema.body(
            cells: cells.map { ($0.field, $0.field.name == "size" ? "many" : $0.text) }, context: Sample.context)
        #expect(issues { _ = try Sample.made(broken) } == ["/size": "wrongType"])
    }
}
