using InvFusion.Autoencoding;

namespace InvFusion.Data;

/// <summary>How <see cref="DatasetPreparer"/> makes latents of pictures.</summary>
/// <param name="Autoencoder">Encodes them, on its own device; not owned.</param>
/// <param name="Name">What the header calls the autoencoder: its file's name.</param>
/// <param name="Scale">Which numbers bring the latents to mean 0 and standard deviation 0.5.</param>
public sealed record LatentOptions(KlAutoencoder Autoencoder, string Name, LatentScale Scale = LatentScale.Edm2);
