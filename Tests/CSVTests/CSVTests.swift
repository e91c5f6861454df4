import CSV
import Testing

/// Reads a whole file in chunks of `size` bytes; rows as `line:a|b`, faults by their text.
private func read(_ bytes: [UInt8], size: Int = 7, _ change: (inout CSVOptions) -> Void = { _ in }) throws -> [String] {
    var options = CSVOptions()
    change(&options)
    let reader = CSVReader(options: options)
    var records: [CSVReader.Record] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
        records += try reader.read(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    records += try reader.finish()
    return records.map { record in
        switch record {
        case .success(let row): "\(row.line):\(row.fields.joined(separator: "|"))"
        case .failure(let fault): "\(fault.line):\(fault.code)"
        }
    }
}

private func read(_ text: String, size: Int = 7) throws -> [String] { try read(Array(text.utf8), size: size) }

@Suite struct CSVReaderTests {
    @Test(arguments: [1, 2, 7, 1000])
    func `rows know their lines whatever the chunks`(size: Int) throws {
        let text = "a,b\r\n1,\"x, \"\"y\"\"\"\r\n\r\n2,\"two\nlines\"\r3, spaced \n4,"
        #expect(try read(text, size: size) == ["2:1|x, \"y\"", "4:2|two\nlines", "6:3| spaced ", "7:4|"])
    }

    @Test(arguments: [1, 7, 1000])
    func `a broken row never stops the file`(size: Int) throws {
        let text = "a,b\n1,ok\n2,\"bad\"x\n3,ok\n4,mid\"dle\n5,1,2\n6\n7,ok\n"
        #expect(
            try read(text, size: size) == [
                "2:1|ok", "3:csv_quoting", "4:3|ok", "5:csv_quoting", "6:csv_columns", "7:csv_columns", "8:7|ok",
            ])
    }

    @Test func `a quote that is never closed costs one line`() throws {
        #expect(try read("a,b\n1,\"open\n2,ok\n3,ok") == ["2:csv_quoting", "3:2|ok", "4:3|ok"])
        #expect(try read("a,b\n1,\"open\n2,ok\n3,\"q\"\n") == ["2:csv_quoting", "3:2|ok", "4:3|q"])
    }

    @Test func `NUL and broken UTF-8 are faults of their row`() throws {
        var bytes = Array("a,b\n1,x".utf8)
        bytes += [0, 0x0A] + Array("2,".utf8) + [0xC3, 0x28, 0x0A] + Array("3,好\n".utf8)
        #expect(try read(bytes) { $0.encoding = .utf8 } == ["2:csv_nul", "3:csv_encoding", "4:3|好"])
    }

    @Test func `sizes are bounded`() throws {
        let field = String(repeating: "x", count: 50)
        let limits: (inout CSVOptions) -> Void = {
            $0.maximumFieldSize = 40
            $0.maximumRowSize = 100
        }
        let long = String(repeating: "y", count: 500)
        let text = "a,b\n1,\(field)\n2,\(long)\n3,\"\(long)\n4,ok\n"
        let expected = ["2:csv_field_too_large", "3:csv_row_too_large", "4:csv_row_too_large", "5:4|ok"]
        for size in [3, 64, 5000] { #expect(try read(Array(text.utf8), size: size, limits) == expected, "\(size)") }
    }

    @Test func `a header that cannot be used stops the file and says why`() {
        let columns = (1...500).map { "c\($0)" }.joined(separator: ",")
        #expect(throws: CSVError.tooManyColumns(found: 500, limit: 300)) { try read(columns + "\n") }
        #expect(throws: CSVError.duplicateColumn("A")) { try read("a, A\n") }
        #expect(throws: CSVError.unnamedColumn(2)) { try read("a,,b\n") }
        #expect(throws: CSVError.empty) { try read("") }
        #expect(throws: CSVError.empty) { try read("\n\n") }
        #expect(throws: CSVError.brokenHeader(CSVFault(line: 1, kind: .quoting))) { try read("a\"b\n") }
    }
}

@Suite struct CSVEncodingTests {
    private let utf8 = Array("公司,城市\n华为,深圳\n".utf8)
    private let gb18030: [UInt8] =
        [0xB9, 0xAB, 0xCB, 0xBE, 0x2C, 0xB3, 0xC7, 0xCA, 0xD0, 0x0A]
        + [0xBB, 0xAA, 0xCE, 0xAA, 0x2C, 0xC9, 0xEE, 0xDB, 0xDA, 0x0A]
    private var utf16: [UInt8] { "公司,城市\n华为,深圳\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }

    @Test(arguments: [1, 3, 1000])
    func `encodings are found`(size: Int) throws {
        let expected = ["2:华为|深圳"]
        #expect(try read(utf8, size: size) == expected)
        #expect(try read([0xEF, 0xBB, 0xBF] + utf8, size: size) == expected)
        #expect(try read(gb18030, size: size) == expected)
        #expect(try read([0xFF, 0xFE] + utf16, size: size) == expected)
        #expect(try read(utf16, size: size) { $0.encoding = .utf16 } == expected)
    }

    @Test func `a character cut by the sample's end does not look broken`() throws {
        let long = Array("a\n".utf8) + Array((0..<3000).map { _ in "好" }.joined().utf8)
        for size in 4090...4100 { #expect(try read(long, size: size).first?.hasPrefix("2:好好") == true) }
    }

    @Test func `ASCII for long, then GB18030`() throws {
        let plain = "a,b\n" + (1...3000).map { "\($0),x\n" }.joined()
        #expect(try read(Array(plain.utf8) + Array(gb18030[10...]), size: 500).last == "3002:华为|深圳")
    }

    @Test func `bytes that are not of the encoding are a fault of their row`() throws {
        let bytes = gb18030[..<10] + [0x31, 0x2C, 0xFF, 0xFF, 0x0A] + gb18030[10...]
        #expect(try read(Array(bytes)) { $0.encoding = .gb18030 } == ["2:csv_encoding", "3:华为|深圳"])
        #expect(CSVEncoding(name: "GBK") == .gb18030 && CSVEncoding(name: "latin1") == nil)
    }
}

@Suite(.timeLimit(.minutes(1))) struct DamagedFileTests {
    /// As programs write that cut texts by bytes: the row is at fault, the file is still UTF-8.
    @Test func `one character that was cut makes no other encoding of a file`() throws {
        let rows = (1...200).map { "公司\($0),浙江移动\n" }.joined()
        var bytes = Array(("name,city\n" + rows).utf8)
        bytes += Array("截断".utf8.dropLast()) + Array(",x\n好,y\n".utf8)
        for damaged in [bytes, Array("name,city\n".utf8) + Array("截断公司名称".utf8.dropLast()) + Array(",x\n好,y\n".utf8)] {
            let read = try read(damaged)
            #expect(read.last?.hasSuffix(":好|y") == true && read.dropLast().last?.hasSuffix(":csv_encoding") == true)
        }
    }

    /// Work grows with the bytes, not with what is wrong with them.
    @Test func `a file of nothing but wrong bytes is read once`() throws {
        let wrong = [UInt8](repeating: 0xFF, count: 4 << 20)
        let bytes = Array("a,b\n".utf8) + wrong + Array("\n1,2\n".utf8)
        #expect(try read(bytes, size: 1 << 20) { $0.encoding = .gb18030 }.last == "3:1|2")
    }

    @Test func `half a character of UTF-16 costs its row`() throws {
        var units = Array("a,b\nx,".utf16) + [0xD83D] + Array(",z\n".utf16)
        units += Array("华为,深圳\n".utf16)
        let bytes: [UInt8] =
            [0xFF, 0xFE] + units.flatMap { unit -> [UInt8] in [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
        #expect(try read(bytes).last == "3:华为|深圳")
    }
}

@Test func `what is written is read again`() throws {
    var writer = CSVWriter(header: ["a", "b"], byteOrderMark: true)
    writer.append(["x,\"y\"\nz", " s"])
    writer.append(["=1+1", "-5.20"])
    writer.append(["+cmd", "+86 138"])
    #expect(try read(writer.take()) == ["2:x,\"y\"\nz| s", "4:'=1+1|-5.20", "5:'+cmd|+86 138"])
    #expect(writer.bytes.isEmpty)
}
