using System.Collections.Immutable;
using OrleansGeo.Api.Answers;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>One write as batches and transactions give it, by a table's columns. What is wrong is refused on its members.</summary>
public static class WriteReader
{
    private static readonly (string Word, WriteKind Value)[] s_operations =
    [
        ("put", WriteKind.Put), ("insert", WriteKind.Insert), ("merge", WriteKind.Merge), ("delete", WriteKind.Delete),
        ("increment", WriteKind.Increment),
    ];

    /// <summary>
    /// Reads <c>op</c>, <c>key</c>, <c>row</c> (or, for an increment, <c>field</c> and <c>by</c>), <c>ifMatch</c> and <c>ifNoneMatch</c>.
    /// </summary>
    public static RowWrite Read(JsonMembers write, TableInfo table)
    {
        write.Element("op", required: true);
        var kind = write.Choice("op", s_operations) ?? WriteKind.Put;
        ImmutableArray<Datum> key = default;
        if (write.Element("key") is { } list && !RowJson.TryReadKey(list, table, write.PathOf("key"), whole: true, out key, out var error))
        {
            write.Refuse(error);
        }

        var values = kind == WriteKind.Increment ? ReadIncrement(write, table) : ReadRow(write, table, kind, ref key);
        var precondition = ReadPrecondition(write);
        if (write.Error is null && kind != WriteKind.Insert)
        {
            RequireKey(write, table, key);
        }

        return new(kind, key.IsDefault ? [] : key, values, precondition);
    }

    private static ImmutableArray<KeyValuePair<string, Datum>> ReadRow(
        JsonMembers write, TableInfo table, WriteKind kind, ref ImmutableArray<Datum> key)
    {
        ImmutableArray<KeyValuePair<string, Datum>> values = [];
        var row = write.Element("row", required: kind != WriteKind.Delete);
        if (kind == WriteKind.Delete && row is not null)
        {
            write.Refuse(Refusal.Wrong(write.PathOf("row"), "unknown-member", $"'{write.PathOf("row")}': a delete has no row."));
        }
        else if (row is { } columns && !RowJson.TryRead(columns, table, write.PathOf("row"), ref key, out values, out var error))
        {
            write.Refuse(error);
        }

        return values;
    }

    private static ImmutableArray<KeyValuePair<string, Datum>> ReadIncrement(JsonMembers write, TableInfo table)
    {
        var column = ReadColumn(write, "field", table);
        return column is not null && ReadValue(write, "by", column) is { } by ? [new(column.Name, by)] : [];
    }

    /// <summary>Reads the name of a column; null when it is refused.</summary>
    public static ColumnSpec? ReadColumn(JsonMembers members, string name, TableInfo table)
    {
        if (members.Text(name, required: true) is not { } column)
        {
            return null;
        }

        if (table.IndexOf(column) is >= 0 and var at)
        {
            return table.Spec.Columns[at];
        }

        members.Refuse(Refusal.Wrong(
            members.PathOf(name), "unknown-column",
            $"'{members.PathOf(name)}': {table.Spec.Name} has no column {DatumText.Quote(column)}."));
        return null;
    }

    /// <summary>Reads a value of a column's type that is not null; null when it is refused.</summary>
    public static Datum? ReadValue(JsonMembers members, string name, ColumnSpec column)
    {
        if (members.Element(name, required: true) is not { } element)
        {
            return null;
        }

        if (DatumJson.TryRead(column.Type, element, out var value, out var why))
        {
            return value;
        }

        members.Refuse(Refusal.Wrong(members.PathOf(name), "wrong-type", $"'{members.PathOf(name)}', column {column.Name}: {why}."));
        return null;
    }

    private static void RequireKey(JsonMembers write, TableInfo table, ImmutableArray<Datum> key)
    {
        for (var i = 0; i < table.Spec.PrimaryKey.Length; i++)
        {
            if (key.IsDefault || key[i].IsNull)
            {
                write.Refuse(
                    Refusal.Wrong(
                        write.PathOf("key"), "missing-member",
                        $"'{write.PathOf("key")}': the key column {table.Spec.PrimaryKey[i]} is missing."));
            }
        }
    }

    private static Precondition ReadPrecondition(JsonMembers write)
    {
        var (exists, match) = ReadTags(write, "ifMatch", strong: true);
        var (absent, noneMatch) = ReadTags(write, "ifNoneMatch", strong: false);
        return exists || absent || !match.IsEmpty || !noneMatch.IsEmpty ? new(match, exists, absent, noneMatch) : Precondition.None;
    }

    // As in the header of that name, and a version without its quotes too: in JSON they would have to be escaped.
    private static (bool Any, ImmutableArray<HlcTimestamp> Versions) ReadTags(JsonMembers write, string name, bool strong)
    {
        if (write.Text(name) is not { } text)
        {
            return default((bool, ImmutableArray<HlcTimestamp>)) with { Item2 = [] };
        }

        if (HlcTimestamp.TryParse(text, out var version))
        {
            return (false, [version]);
        }

        if (EntityTags.TryParse(text, strong, out var any, out var versions))
        {
            return (any, versions);
        }

        write.Refuse(Refusal.Wrong(write.PathOf(name), "bad-tag", $"'{write.PathOf(name)}' is a version, *, or a list of entity tags."));
        return (false, []);
    }
}
