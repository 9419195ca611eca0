using Orleans.Storage;

namespace OrleansGeo.Sdk;

/// <summary>Where grains keep their state.</summary>
public sealed class GeoGrainStorageOptions : IStorageProviderSerializerOptions
{
    /// <summary>The database, which must exist: its regions and survival goal are what the grains get.</summary>
    public string Database { get; set; } = "";

    /// <summary>The table. Several services and several providers may share one: the service id is part of the key.</summary>
    public string Table { get; set; } = "grain_state";

    /// <summary>True to make the table at its first use when there is none; else its absence is an error then.</summary>
    public bool CreateTable { get; set; }

    /// <summary>Where a table that is made keeps its rows; null for the database's primary region.</summary>
    public TableLocality? Locality { get; set; }

    /// <summary>What a table that is made survives; null for what its database does.</summary>
    public SurvivalGoal? Survive { get; set; }

    /// <summary>
    /// How a state becomes bytes. Unless one is set: the serializer registered under the provider's name, else the silo's own, which is
    /// JSON.
    /// </summary>
    public IGrainStorageSerializer GrainStorageSerializer { get; set; } = null!;
}
