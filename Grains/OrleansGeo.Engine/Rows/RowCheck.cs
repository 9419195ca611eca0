using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A comparison with one column of a stored row, for places that have no schema.</summary>
/// <param name="ColumnId">The column.</param>
/// <param name="Operator">How it is compared.</param>
/// <param name="Literal">With what; of the column's type.</param>
/// <param name="Default">What the column is in a row that does not store it; null satisfies nothing. For a key column, which no row stores,
/// the key's own value.</param>
public sealed record RowCheck(int ColumnId, ScanOperator Operator, Datum Literal, Datum Default)
{
    private const byte Version = 1;

    /// <summary>True when the row's column compares so. Throws <see cref="CodecException"/> unless the bytes are a row.</summary>
    public bool Holds(ReadOnlySpan<byte> storedRow)
    {
        var value = RowCodec.DecodeColumns(storedRow, [ColumnId])[0];
        value = value.IsNull ? Default : value;
        return !value.IsNull && RowFilter.Holds(value.CompareTo(Literal), Operator);
    }

    /// <summary>Appends the check's bytes.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteInt32(ColumnId);
        writer.WriteByte((byte)Operator);
        RowCodec.WriteValue(writer, Literal);
        writer.WriteBool(!Default.IsNull);
        if (!Default.IsNull)
        {
            RowCodec.WriteValue(writer, Default);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote; else <see cref="CodecException"/>.</summary>
    public static RowCheck Read(ref CodecReader reader)
    {
        reader.ReadVersion("a row check", Version);
        var (column, comparison) = (reader.ReadInt32(), (ScanOperator)reader.ReadByte());
        if (column < 0 || comparison is < ScanOperator.Equal or > ScanOperator.GreaterOrEqual)
        {
            throw new CodecException("a row check has no column, or an operator that is not known");
        }

        var literal = RowCodec.ReadValue(ref reader);
        return new(column, comparison, literal, reader.ReadBool() ? RowCodec.ReadValue(ref reader) : Datum.Null);
    }
}
