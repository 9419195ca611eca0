using System.Text;
using System.Text.Json;

namespace OrleansGeo.Primitives;

/// <summary>The value of one column, by the column's id, which the table gives once and never reuses.</summary>
public readonly record struct ColumnValue(int ColumnId, Datum Value);

/// <summary>
/// The columns of a row that are not in its key, as stored bytes: a version, a count, then per column the distance from the id before, the
/// type and the value, by ascending id. Nulls are not stored. Types stand beside the values, so a row can be read without its table:
/// columns that a later schema dropped are kept or skipped, columns it added are null.
/// </summary>
public static class RowCodec
{
    /// <summary>The newest format version, which is the one written.</summary>
    public const byte Version = 1;

    private const byte NegativeFlag = 0x80;

    // Rows are written with every change of them; nothing that writes one writes another meanwhile.
    [ThreadStatic]
    private static CodecWriter? s_output;

    /// <summary>The bytes of a row. The columns come by strictly ascending id, none below zero.</summary>
    public static byte[] Encode(ReadOnlySpan<ColumnValue> columns)
    {
        var output = s_output ??= new(1024);
        output.Clear();
        Encode(output, columns);
        return output.ToArray();
    }

    /// <summary>Appends the bytes of a row. The columns come by strictly ascending id, none below zero.</summary>
    public static void Encode(CodecWriter output, ReadOnlySpan<ColumnValue> columns)
    {
        var count = 0;
        var previous = -1;
        foreach (var column in columns)
        {
            Invariant.Holds(column.ColumnId > previous);
            previous = column.ColumnId;
            count += column.Value.IsNull ? 0 : 1;
        }

        output.WriteByte(Version);
        output.WriteUInt64((ulong)count);
        previous = -1;
        foreach (var (id, value) in columns)
        {
            if (value.IsNull)
            {
                continue;
            }

            output.WriteUInt64((ulong)(id - previous - 1));
            WriteValue(output, value);
            previous = id;
        }
    }

    /// <summary>Every stored column, by ascending id. Throws <see cref="CodecException"/> unless the bytes are exactly a row.</summary>
    public static ColumnValue[] Decode(ReadOnlySpan<byte> row)
    {
        var input = new CodecReader(row);
        input.ReadVersion("a row", Version);
        var columns = new ColumnValue[input.ReadCount()];
        long id = -1;
        for (var i = 0; i < columns.Length; i++)
        {
            id = NextId(ref input, id);
            columns[i] = new((int)id, ReadValue(ref input));
        }

        input.ExpectEnd("a row");
        return columns;
    }

    /// <summary>
    /// The values of the given columns, in their order; null for those that are not stored. The ids are strictly ascending. Other columns
    /// are skipped. Throws <see cref="CodecException"/> unless the bytes are exactly a row.
    /// </summary>
    public static Datum[] DecodeColumns(ReadOnlySpan<byte> row, ReadOnlySpan<int> columnIds)
    {
        var values = new Datum[columnIds.Length];
        var input = new CodecReader(row);
        input.ReadVersion("a row", Version);
        var count = input.ReadCount();
        long id = -1;
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            id = NextId(ref input, id);
            while (at < columnIds.Length && columnIds[at] < id)
            {
                at++;
            }

            if (at < columnIds.Length && columnIds[at] == id)
            {
                values[at] = ReadValue(ref input);
            }
            else
            {
                SkipValue(ref input);
            }
        }

        input.ExpectEnd("a row");
        return values;
    }

    private static long NextId(ref CodecReader input, long previous)
    {
        var distance = input.ReadUInt64();
        return distance < (ulong)(int.MaxValue - previous)
            ? previous + 1 + (long)distance
            : throw new CodecException("a column id of a row does not fit 31 bits");
    }

    /// <summary>Appends the type and the value of a datum that is not null, for any place that needs no order.</summary>
    public static void WriteValue(CodecWriter output, Datum value)
    {
        output.WriteByte((byte)value.Type);
        switch (value.Type)
        {
            case DatumType.String:
                output.WriteString(value.AsString());
                break;
            case DatumType.Int64:
                output.WriteInt64(value.AsInt64());
                break;
            case DatumType.Float64:
                output.WriteFixed64(BitConverter.DoubleToUInt64Bits(value.AsFloat64()));
                break;
            case DatumType.Decimal:
                WriteDecimal(output, value.AsDecimal());
                break;
            case DatumType.Bool:
                output.WriteBool(value.AsBool());
                break;
            case DatumType.Uuid:
                Span<byte> uuid = stackalloc byte[16];
                value.AsUuid().TryWriteBytes(uuid, bigEndian: true, out _);
                output.WriteRaw(uuid);
                break;
            case DatumType.Timestamp:
                var (seconds, nanos) = value.AsTimestamp();
                output.WriteInt64(seconds);
                output.WriteUInt64((ulong)nanos);
                break;
            case DatumType.Bytes:
                output.WriteBytes(value.AsBytes());
                break;
            case DatumType.Json:
                output.WriteString(value.AsJson());
                break;
            default:
                Invariant.Fail($"no row holds a value of type {value.Type}");
                break;
        }
    }

    /// <summary>Reads what <see cref="WriteValue"/> wrote; else <see cref="CodecException"/>.</summary>
    public static Datum ReadValue(ref CodecReader input)
    {
        var type = (DatumType)input.ReadByte();
        return type switch
        {
            DatumType.String => Datum.FromString(input.ReadString()),
            DatumType.Int64 => Datum.FromInt64(input.ReadInt64()),
            DatumType.Float64 => ReadFloat64(ref input),
            DatumType.Decimal => ReadDecimal(ref input),
            DatumType.Bool => Datum.FromBool(input.ReadBool()),
            DatumType.Uuid => Datum.FromUuid(new Guid(input.ReadRaw(16), bigEndian: true)),
            DatumType.Timestamp => ReadTimestamp(ref input),
            DatumType.Bytes => Datum.FromBytes(input.ReadBytes().ToArray()),
            DatumType.Json => ReadJson(ref input),
            _ => throw new CodecException($"a row has a value of type {(byte)type}, which this build does not know"),
        };
    }

    private static void SkipValue(ref CodecReader input)
    {
        var type = (DatumType)input.ReadByte();
        switch (type)
        {
            case DatumType.String or DatumType.Bytes or DatumType.Json:
                input.ReadBytes();
                break;
            case DatumType.Int64:
                input.ReadInt64();
                break;
            case DatumType.Float64:
                input.ReadFixed64();
                break;
            case DatumType.Decimal:
                ReadDecimal(ref input);
                break;
            case DatumType.Bool:
                input.ReadBool();
                break;
            case DatumType.Uuid:
                input.ReadRaw(16);
                break;
            case DatumType.Timestamp:
                ReadTimestamp(ref input);
                break;
            default:
                throw new CodecException($"a row has a value of type {(byte)type}, which this build does not know");
        }
    }

    private static void WriteDecimal(CodecWriter output, decimal value)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        output.WriteByte((byte)(((bits[3] >> 16) & 0xFF) | (bits[3] < 0 ? NegativeFlag : 0)));
        output.WriteUInt64(((ulong)(uint)bits[1] << 32) | (uint)bits[0]);
        output.WriteUInt64((uint)bits[2]);
    }

    private static Datum ReadDecimal(ref CodecReader input)
    {
        var head = input.ReadByte();
        var (low, high, scale) = (input.ReadUInt64(), input.ReadUInt64(), head & ~NegativeFlag);
        return scale <= 28 && high <= uint.MaxValue
            ? Datum.FromDecimal(new decimal((int)low, (int)(low >> 32), (int)(uint)high, (head & NegativeFlag) != 0, (byte)scale))
            : throw new CodecException("a decimal of a row has more than 96 bits or 28 digits after the point");
    }

    private static Datum ReadFloat64(ref CodecReader input)
    {
        var value = BitConverter.UInt64BitsToDouble(input.ReadFixed64());
        return double.IsFinite(value) ? Datum.FromFloat64(value) : throw new CodecException("a float64 of a row is not finite");
    }

    private static Datum ReadTimestamp(ref CodecReader input)
    {
        var (seconds, nanos) = (input.ReadInt64(), input.ReadUInt64());
        return seconds is >= Datum.UnixSecondsMin and <= Datum.UnixSecondsMax && nanos <= 999_999_999
            ? Datum.FromTimestamp(seconds, (int)nanos)
            : throw new CodecException("a timestamp of a row is outside its range");
    }

    // Answers copy the text as it is, so bytes that are no JSON stop here. The reader goes over UTF-8 without building a document.
    private static Datum ReadJson(ref CodecReader input)
    {
        var utf8 = input.ReadBytes();
        try
        {
            var json = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = DatumJson.DepthMax });
            while (json.Read())
            {
            }

            return Datum.FromJson(s_strictUtf8.GetString(utf8));
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException)
        {
            throw new CodecException("a JSON value of a row is not JSON");
        }
    }

    private static readonly UTF8Encoding s_strictUtf8 = new(false, true);
}
