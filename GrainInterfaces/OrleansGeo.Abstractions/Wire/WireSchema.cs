using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>Databases and tables as bytes.</summary>
internal static class WireSchema
{
    public static void WriteDatabaseSpec(CodecWriter writer, DatabaseSpec spec)
    {
        writer.WriteString(spec.Name);
        writer.WriteString(spec.PrimaryRegion);
        writer.WriteStrings(spec.Regions);
        writer.WriteByte((byte)spec.Survive);
        writer.WriteByte((byte)spec.Placement);
        writer.WriteOptional(spec.SecondaryRegion);
        writer.WriteOptional(spec.WitnessRegion);
    }

    public static DatabaseSpec ReadDatabaseSpec(ref CodecReader reader) => new(
        reader.ReadString(),
        reader.ReadString(),
        reader.ReadStrings(),
        ReadGoal(ref reader),
        WireFields.ReadEnum<PlacementPolicy>(ref reader, "placement", (byte)PlacementPolicy.Default, (byte)PlacementPolicy.Restricted),
        reader.ReadOptionalString(),
        reader.ReadOptionalString());

    public static void WriteDatabase(CodecWriter writer, DatabaseInfo database)
    {
        writer.WriteInt64(database.Id);
        WriteDatabaseSpec(writer, database.Spec);
        writer.WriteStrings(database.Tables);
    }

    public static DatabaseInfo ReadDatabase(ref CodecReader reader) =>
        new(reader.ReadInt64(), ReadDatabaseSpec(ref reader), reader.ReadStrings());

    public static void WriteDatabases(CodecWriter writer, Listing<DatabaseInfo> databases) =>
        writer.WriteList(databases.Items, WriteDatabase);

    public static Listing<DatabaseInfo> ReadDatabases(ref CodecReader reader) => new(reader.ReadList(ReadDatabase));

    public static void WriteColumns(CodecWriter writer, ImmutableArray<ColumnSpec> columns) =>
        writer.WriteList(columns, static (writer, column) =>
        {
            writer.WriteString(column.Name);
            writer.WriteByte((byte)column.Type);
            writer.WriteBool(column.Nullable);
            writer.WriteBool(column.Default is not null);
            if (column.Default is { } value)
            {
                WireFields.WriteDatum(writer, value);
            }

            writer.WriteOptional(column.DefaultFunction);
        });

    public static ImmutableArray<ColumnSpec> ReadColumns(ref CodecReader reader) =>
        reader.ReadList(static (ref reader) => new ColumnSpec(
            reader.ReadString(),
            WireFields.ReadEnum<DatumType>(ref reader, "type", (byte)DatumType.String, (byte)DatumType.Json),
            reader.ReadBool(),
            reader.ReadBool() ? WireFields.ReadDatum(ref reader) : null,
            reader.ReadOptionalString()));

    public static void WriteTableSpec(CodecWriter writer, TableSpec spec)
    {
        writer.WriteString(spec.Name);
        WriteColumns(writer, spec.Columns);
        writer.WriteStrings(spec.PrimaryKey);
        WriteLocality(writer, spec.Locality);
        writer.WriteBool(spec.Survive is not null);
        if (spec.Survive is { } goal)
        {
            writer.WriteByte((byte)goal);
        }
    }

    public static TableSpec ReadTableSpec(ref CodecReader reader) => new(
        reader.ReadString(), ReadColumns(ref reader), reader.ReadStrings(), ReadLocality(ref reader),
        ReadOptionalGoal(ref reader));

    public static void WriteTable(CodecWriter writer, TableInfo table)
    {
        writer.WriteInt64(table.Id);
        writer.WriteString(table.Database);
        WriteTableSpec(writer, table.Spec);
        writer.WriteList(table.ColumnIds, static (writer, id) => writer.WriteInt32(id));
        writer.WriteInt32(table.SchemaVersion);
        writer.WriteString(table.HomeRegion);
        writer.WriteByte((byte)table.EffectiveGoal);
    }

    public static TableInfo ReadTable(ref CodecReader reader) => new(
        reader.ReadInt64(),
        reader.ReadString(),
        ReadTableSpec(ref reader),
        reader.ReadList(static (ref reader) => reader.ReadInt32()),
        reader.ReadInt32(),
        reader.ReadString(),
        ReadGoal(ref reader));

    public static void WriteTables(CodecWriter writer, Listing<TableInfo> tables) =>
        writer.WriteList(tables.Items, WriteTable);

    public static Listing<TableInfo> ReadTables(ref CodecReader reader) => new(reader.ReadList(ReadTable));

    private static void WriteLocality(CodecWriter writer, TableLocality locality)
    {
        if (locality is not TableLocality.Regional regional)
        {
            Invariant.Fail($"a locality of type {locality.GetType().Name}");
            return;
        }

        writer.WriteByte(1);
        writer.WriteOptional(regional.Region);
    }

    private static TableLocality.Regional ReadLocality(ref CodecReader reader) => reader.ReadByte() switch
    {
        1 => new(reader.ReadOptionalString()),
        var kind => throw new CodecException($"this build knows no locality of kind {kind}"),
    };

    private static SurvivalGoal ReadGoal(ref CodecReader reader) =>
        WireFields.ReadEnum<SurvivalGoal>(ref reader, "survival goal", (byte)SurvivalGoal.Zone, (byte)SurvivalGoal.Region);

    private static SurvivalGoal? ReadOptionalGoal(ref CodecReader reader) => reader.ReadBool() ? ReadGoal(ref reader) : null;
}
