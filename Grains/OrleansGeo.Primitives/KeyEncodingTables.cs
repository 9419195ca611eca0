namespace OrleansGeo.Primitives;

/// <summary>
/// Where tables lie in the keyspace: 0x20, the table's id, the index's id (1 is the primary key), then the key columns. System keys begin
/// with a lower byte. Ids are never reused, so a dropped table's keys never come back as another's.
/// </summary>
public static class TableKeys
{
    /// <summary>The first byte of every user key.</summary>
    public const byte UserSpace = 0x20;

    /// <summary>The index that holds the rows themselves.</summary>
    public const long PrimaryIndex = 1;

    /// <summary>Every key of every table.</summary>
    public static KeySpan All
    {
        get
        {
            var start = new Key([UserSpace]);
            return new(start, start.PrefixEnd);
        }
    }

    /// <summary>What every key of a table begins with.</summary>
    public static Key Prefix(long tableId) => new(Begin(tableId).ToArray());

    /// <summary>What every key of an index begins with.</summary>
    public static Key IndexPrefix(long tableId, long indexId) => Row(tableId, indexId);

    /// <summary>Every key of a table.</summary>
    public static KeySpan Span(long tableId)
    {
        var prefix = Prefix(tableId);
        return new(prefix, prefix.PrefixEnd);
    }

    /// <summary>Every key of an index whose first columns have the given values; of the whole index when none is given.</summary>
    public static KeySpan Span(long tableId, long indexId, params ReadOnlySpan<Datum> columns)
    {
        var prefix = Row(tableId, indexId, columns);
        return new(prefix, prefix.PrefixEnd);
    }

    /// <summary>The key of a row, or the beginning that keys with these first columns share. The caller checks its length.</summary>
    public static Key Row(long tableId, long indexId, params ReadOnlySpan<Datum> columns)
    {
        var output = Begin(tableId);
        KeyEncoding.EncodeUnsigned(output, indexId);
        foreach (var column in columns)
        {
            KeyEncoding.Encode(output, column);
        }

        return new(output.ToArray());
    }

    /// <summary>Takes a key apart; false when the bytes are no key of a table.</summary>
    public static bool TryDecodeRow(ReadOnlySpan<byte> key, out long tableId, out long indexId, out Datum[] columns)
    {
        (tableId, indexId, columns) = (0, 0, []);
        if (key.Length == 0 || key[0] != UserSpace)
        {
            return false;
        }

        try
        {
            var rest = key[1..];
            KeyEncoding.DecodeUnsigned(ref rest, out var table);
            KeyEncoding.DecodeUnsigned(ref rest, out var index);
            var values = new List<Datum>(4);
            while (rest.Length > 0)
            {
                KeyEncoding.Decode(ref rest, out var value);
                values.Add(value);
            }

            (tableId, indexId, columns) = (table, index, [.. values]);
            return true;
        }
        catch (CodecException)
        {
            return false;
        }
    }

    private static CodecWriter Begin(long tableId)
    {
        var output = new CodecWriter(64);
        output.WriteByte(UserSpace);
        KeyEncoding.EncodeUnsigned(output, tableId);
        return output;
    }
}
