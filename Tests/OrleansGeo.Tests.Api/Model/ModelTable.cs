using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

/// <summary>A table of the model: every version of every row.</summary>
public sealed class ModelTable(TableInfo info, HlcTimestamp created)
{
    public TableInfo Info { get; set; } = info;

    public HlcTimestamp Created { get; } = created;

    /// <summary>Versions of a row, oldest first; null is a deletion.</summary>
    public SortedDictionary<ImmutableArray<Datum>, List<(HlcTimestamp Version, Row? Row)>> History { get; } = new(KeyOrder.Instance);

    /// <summary>The row as of a timestamp.</summary>
    public VersionedRow? At(ImmutableArray<Datum> key, HlcTimestamp timestamp) =>
        History.TryGetValue(key, out var versions) && versions.FindLastIndex(version => version.Version <= timestamp) is >= 0 and var at
            && versions[at].Row is { } row
            ? new VersionedRow(key, versions[at].Version, WithDefaults(row))
            : null;

    /// <summary>Adds a version.</summary>
    public void Append(ImmutableArray<Datum> key, HlcTimestamp version, Row? row)
    {
        if (!History.TryGetValue(key, out var versions))
        {
            History[key] = versions = [];
        }

        versions.Add((version, row));
    }

    // A column that must not be null and was added after the row was written has its default.
    private Row WithDefaults(Row row)
    {
        var values = Info.Spec.Columns.Select(column => KeyValuePair.Create(
            column.Name, row[column.Name].IsNull && !column.Nullable ? column.Default ?? Datum.Null : row[column.Name]));
        return new([.. values.Where(value => !value.Value.IsNull)]);
    }
}
