import Foundation
import JSON
import Testing
import Values

@Suite struct ParsingTests {
    @Test func readsEveryKind() throws {
        let parsed = try JSON.parse(
            #"{"a":[null,true,false,-9223372036854775808,1.5,1e2,"线\u7d22\n😀\ud83d\ude00"],"b":{}}"#)
        let expected: JSON = ["b": [:], "a": [.null, true, false, .int(.min), 1.5, 100.0, "线索\n😀😀"]]
        #expect(parsed == expected)
        #expect(parsed.object?.names == ["a", "b"])
        #expect(try JSON.parse("7") == 7)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "+1", "NaN", "Infinity", "1e999", "'a'", "nul",
        "{\"a\" 1}", "[1] x", "\"a\nb\"", #""\ud800""#, #""\x""#, #"{"a":"\u0000"}"#, #"{"\u0000":1}"#,
        "9223372036854775808", "// c\n1",
    ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test func refusesBrokenBytes() {
        for bytes: [UInt8] in [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0, 0x22],
            [0x22, 0xE4, 0xB8],
        ] {
            #expect(throws: JSONError.self) { try JSON.parse(bytes) }
        }
    }

    @Test func saysWhere() {
        let error = #expect(throws: JSONError.self) { try JSON.parse("{\n  \"公司\": x}") }
        #expect(error?.line == 2)
        #expect(error?.description.hasPrefix("Line 2, column ") == true)
    }

    @Test func boundsDepth() throws {
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        _ = try JSON.parse(deepest)
        let error = #expect(throws: JSONError.self) { try JSON.parse("\n[\(deepest)]") }
        #expect(error?.description == "Line 2, column 65: more than 64 levels of objects and arrays.")
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "{\"a\":", count: 1_000_000)) }
        _ = try JSON.parse("[\"\(String(repeating: "[", count: 100))\\\"[\"]")
    }
}

@Suite struct WritingTests {
    @Test func survivesARoundTrip() throws {
        let every = String(String.UnicodeScalarView((1..<0x250).compactMap(Unicode.Scalar.init)))
        let value: JSON = [
            "text": .string(every + "\u{2028}😀"), "numbers": [0, -1, .int(.min), .int(.max), 0.1, -1e300, 1e-300],
            "empty": [[:], [], ""], "\"\\": .null,
        ]
        #expect(try JSON.parse(value.serialize()) == value)
        #expect(try JSON.parse(value.serializePretty()) == value)
        #expect(try JSONDecoder().decode(JSON.self, from: Data(value.serialize())) == value)
        #expect(try JSON.parse([UInt8](JSONEncoder().encode(value))) == value)
    }

    @Test func writesWhatIsExpected() {
        #expect(
            "\(["a": "\u{1F}\u{7F}\"\\/\n\t\r\u{B}", "b": 1.0, "c": .double(.nan)] as JSON)"
                == #"{"a":"\u001f\#u{7F}\"\\/\n\t\r\u000b","b":1.0,"c":null}"#)
        #expect(
            String(decoding: (["a": [1, []], "b": [:]] as JSON).serializePretty(), as: UTF8.self)
                == "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {}\n}\n")
        #expect("\(Money(minorUnits: 105_400, currency: .usd).json)" == #"{"amount":"1054.00","currency":"USD"}"#)
        var writer = JSONWriter()
        let id = UUIDv7.make()
        writer.write(id)
        writer.write(Timestamp(milliseconds: 1))
        writer.write(CalendarDate(days: 0))
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == "\"\(id.lowercased)\"\"1970-01-01T00:00:00.001Z\"\"1970-01-01\"")
    }
}

@Suite struct DocumentTests {
    /// The examples of RFC 7396, appendix A.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#), (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, "null", "null"), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func merges(target: String, patch: String, result: String) throws {
        #expect(try JSON.parse(target).merging(patch: JSON.parse(patch)) == JSON.parse(result))
    }

    @Test func followsPointers() throws {
        let value: JSON = ["a/b": ["m~n": [1, 2]], "": 3]
        #expect(value["/a~1b/m~0n/1" as JSONPointer] == 2)
        #expect(value[JSONPointer(["a/b", "m~n"])] == [1, 2])
        #expect((JSONPointer(["a/b"]) / "m~n" / 1).description == "/a~1b/m~0n/1")
        #expect(value[JSONPointer()] == value)
        #expect(value["/" as JSONPointer] == 3)
        #expect(value["/a~1b/x" as JSONPointer] == nil)
    }

    @Test func objectsOfAnySizeBehaveAlike() {
        for size in [3, 64, 65, 200] {
            var object = JSONObject((0..<size).map { ("k\($0)", JSON.int(Int64($0))) })
            #expect(object == JSONObject((0..<size).reversed().map { ("k\($0)", JSON.int(Int64($0))) }))
            object["k1"] = nil
            object["k2"] = "new"
            object["z"] = .null
            #expect(object.count == size && object["k1"] == nil && object["k2"] == "new" && object["z"] == .null)
            #expect(object["k0"] == 0 && object.names.last == "z")
        }
        #expect(Set<JSON>([["a": 1, "b": 2], ["b": 2, "a": 1]]).count == 1)
    }
}
