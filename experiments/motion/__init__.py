"""Transport between colour images, and few-angle tomography with a template."""
