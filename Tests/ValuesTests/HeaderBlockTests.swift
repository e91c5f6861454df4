import Testing
import Values

@Suite struct HeaderBlockTests {
    private let headers = [
        EventHeader("ce_id", "1"), EventHeader("ce_id", [0, 255]), EventHeader("", [1]), EventHeader("名", [UInt8]()),
    ]

    @Test func keepsOrderRepeatedNamesAndBytesThatAreNoText() {
        let block = HeaderBlock(headers)
        #expect(block.fields == headers)
        #expect(HeaderBlock(bytes: block.bytes) == block)
        #expect(HeaderBlock().fields.isEmpty)
        var appended = HeaderBlock(minimumCapacity: 100)
        appended.append("a", "值")
        #expect(appended.fields == [EventHeader("a", "值")])
    }

    @Test func whatIsCutOffIsLeftOut() {
        let bytes = HeaderBlock(headers).bytes
        for count in 0..<bytes.count {
            let cut = HeaderBlock(bytes: Array(bytes.prefix(count))).fields
            #expect(cut == Array(headers.prefix(cut.count)) && cut.count < headers.count)
        }
        #expect(HeaderBlock(bytes: [255, 255, 255, 255, 1]).fields.isEmpty)
    }

    @Test func anErrorOfTheReaderEndsTheReading() {
        struct Enough: Error {}
        var seen = 0
        #expect(throws: Enough.self) {
            try HeaderBlock(headers).forEachField { (_, _) throws(Enough) in
                seen += 1
                if seen == 2 { throw Enough() }
            }
        }
        #expect(seen == 2)
    }
}
